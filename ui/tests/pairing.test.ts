import { describe, expect, it } from 'vitest';
import { grantChange, grantSentence, grantsSentence, givesNothing } from '$/components/grants';
import { isUrl, pasted } from '$/pages/join/token';
import { recipes, shortToken } from '$/pages/peers/recipes';

const SECRET = '0123456789abcdef'.repeat(4);
const KEY = 'ed25519.nasxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx';
const TOKEN = `${KEY}:${SECRET}#nas`;

describe('what was pasted', () => {
  it('reads a bare token, a link and a join line', () => {
    expect(pasted(` ${TOKEN}\n`)).toEqual({
      token: TOKEN,
      keyId: KEY,
      instance: 'nas',
      urls: [],
    });
    expect(pasted(`holdfast+http://hub.example:1/sub#${TOKEN}`)).toMatchObject({
      token: TOKEN,
      urls: ['http://hub.example:1/sub'],
    });
    const line = `holdfast join '${TOKEN}' --url https://nas.example --url='http://192.0.2.7'`;
    expect(pasted(line)).toMatchObject({
      token: TOKEN,
      urls: ['https://nas.example', 'http://192.0.2.7'],
    });
  });

  it('says what is wrong with it', () => {
    expect(pasted('')).toEqual({ urls: [] });
    expect(pasted('hello').wrong).toBe('shape');
    const cut = pasted(`${KEY}:${SECRET.slice(0, 10)}#nas`);
    expect(cut).toMatchObject({ wrong: 'cut', secretLength: 10, instance: 'nas' });
    expect(cut.token).toBeUndefined();
    expect(isUrl('nas.example')).toBe(false);
  });

  it('shortens a token to what tells it apart', () => {
    expect(shortToken(TOKEN)).toMatch(/^ed25519\..+…abcdef#nas$/);
  });
});

describe('grants in words', () => {
  it('says all, some and all but some', () => {
    expect(grantSentence({ permission: 'read-operations', scopes: ['*'] })).toBe(
      'see all operations',
    );
    expect(grantSentence({ permission: 'run-operations', scopes: ['plan:a', 'plan:b'] })).toBe(
      'run plans a and b',
    );
    expect(grantSentence({ permission: 'read-files', scopes: ['*', '!repo:p'] })).toBe(
      'read all files but repo p',
    );
    expect(grantsSentence([])).toBe('nothing');
  });

  it('knows that a grant without a positive scope gives nothing', () => {
    expect(givesNothing({ permission: 'restore', scopes: ['!repo:p'] })).toBe(true);
    expect(givesNothing({ permission: 'send-shared-repos', scopes: [] })).toBe(false);
  });

  it('takes away before it gives, and only what changed', () => {
    const from = [
      { permission: 'read-operations', scopes: ['*'] },
      { permission: 'restore', scopes: ['plan:a'] },
    ];
    const narrowed = [
      { permission: 'read-operations', scopes: ['plan:a'] },
      { permission: 'restore', scopes: ['plan:a', 'plan:b'] },
    ];
    expect(grantChange(from, narrowed)).toEqual({
      revoke: ['read-operations'],
      grant: narrowed,
    });
    expect(grantChange(from, from)).toEqual({ revoke: [], grant: [] });
    // An exclusion that goes widens the grant: the union of the old and the new would keep it.
    const wider = [{ permission: 'restore', scopes: ['*'] }];
    expect(grantChange([{ permission: 'restore', scopes: ['*', '!plan:a'] }], wider)).toEqual({
      revoke: ['restore'],
      grant: wider,
    });
  });

  it('makes the recipes of the manual', () => {
    expect(recipes.share('vault').grants[0]?.scopes).toEqual(['repo:vault']);
    expect(recipes.manage().asks.map(({ permission }) => permission)).toEqual([
      'read-operations',
      'run-operations',
      'write-config',
    ]);
  });
});
