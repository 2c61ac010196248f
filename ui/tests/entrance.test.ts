import { afterEach, expect, test } from 'vitest';
import Login from '$/pages/login/Login.svelte';
import Welcome from '$/pages/welcome/Welcome.svelte';
import { mounted } from './mounted';

afterEach(() => history.replaceState(null, '', '/'));

test.each([
  ['the login before there is anybody', 'code', Login, '/welcome'],
  ['the welcome where somebody is to sign in', 'login', Welcome, '/login'],
])('who opens %s is led on', async (_, mode, page, to) => {
  await mounted(mode, page, {});
  expect(location.pathname).toBe(to);
});
