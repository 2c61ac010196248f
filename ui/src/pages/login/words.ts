export const loginWords = {
  title: 'Log in',
  act: 'Log in',
  busy: 'Logging in…',
  forgotten: 'Password lost? On the machine itself, run',
};
