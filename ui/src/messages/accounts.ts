// Words of logins: first run, logging in, users.
export const SHORTEST_PASSWORD = 10;

export const accountWords = {
  name: 'Name',
  password: 'Password',
  newPassword: 'New password',
  current: 'Current password',
  short: `A password has at least ${SHORTEST_PASSWORD} characters.`,
  length: (n: number) =>
    n === 0
      ? ''
      : n < SHORTEST_PASSWORD
        ? `${n} of ${SHORTEST_PASSWORD} characters`
        : `${n} characters: good.`,
};
