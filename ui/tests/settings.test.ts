// Settings that are typed while the file changes: fields that follow, fields that are settled.
import { readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { HookSchema } from '$/gen/holdfast/api/v1/settings_pb';
import { machine } from '$/pages/machine/words';
import { ruleNow } from '$/pages/settings/rules';
import { Typing } from '$/pages/settings/typing.svelte';
import { settingsWords } from '$/pages/settings/words';
import { welcomeWords } from '$/pages/welcome/words';

describe('typing over what is stored', () => {
  function begun() {
    const file = { stored: { class: 'server', urls: 'https://a' } };
    return { file, typing: new Typing<'class' | 'urls'>(() => file.stored) };
  }

  test('a field follows the file until it is typed into', () => {
    const { file, typing } = begun();
    file.stored = { ...file.stored, class: 'laptop' };
    expect(typing.of('class')).toBe('laptop');
    typing.put('class', 'desktop');
    expect(typing.of('class')).toBe('desktop');
    expect(typing.isChanged('class')).toBe(true);
    expect(typing.isChanged('urls')).toBe(false);
    expect(typing.mine).toEqual({ class: 'desktop' });
  });

  test('what was changed on both sides is unsettled until one is chosen', () => {
    const { file, typing } = begun();
    typing.put('class', 'desktop');
    typing.put('urls', 'https://b');
    expect(typing.isUnsettled).toBe(false);
    file.stored = { class: 'laptop', urls: 'https://c' };
    expect(typing.theirs('class')).toBe('laptop');
    typing.put('class', 'rarely-on');
    expect(typing.theirs('class'), 'typing on settles nothing').toBe('laptop');
    typing.keepMine('class');
    expect(typing.isUnsettled).toBe(true);
    typing.takeTheirs('urls');
    expect(typing.isUnsettled).toBe(false);
    expect([typing.of('class'), typing.of('urls')]).toEqual(['rarely-on', 'https://c']);
    expect(typing.mine).toEqual({ class: 'rarely-on' });
  });

  test('the same on both sides is no conflict', () => {
    const { file, typing } = begun();
    typing.put('class', 'laptop');
    file.stored = { ...file.stored, class: 'laptop' };
    expect(typing.isUnsettled).toBe(false);
    expect(typing.isChanged('class')).toBe(false);
  });
});

describe('a rule is found again', () => {
  const rule = (index: number, on: string) =>
    create(HookSchema, { place: '', index, on: [on], channel: 'phone', summary: `${on} to phone` });

  test('where another was removed before it', () => {
    expect(ruleNow(rule(1, 'late'), [rule(0, 'late')])?.index).toBe(0);
  });

  test('at its own place where two say the same', () => {
    expect(ruleNow(rule(1, 'late'), [rule(0, 'late'), rule(1, 'late')])?.index).toBe(1);
  });

  test('and not where it says something else now', () => {
    expect(ruleNow(rule(0, 'late'), [rule(0, 'stale')])).toBeUndefined();
  });
});

test('how old a backup may get by class is told as the daemon has it', () => {
  const rust = readFileSync('../src/freshness/mod.rs', 'utf8');
  const real = Object.fromEntries(
    [...rust.matchAll(/MachineClass::(\w+) => (\d+) \* DAY/g)].map(([, name = '', days]) => [
      name.replace(/(?!^)[A-Z]/g, '-$&').toLowerCase(),
      `${days} d`,
    ]),
  );
  expect(Object.keys(real)).toEqual(['desktop', 'laptop', 'rarely-on']);
  const said = { ...real, server: '1.5 ×' };
  for (const [name, allowed] of Object.entries(said)) {
    const settings = new Map(settingsWords.instance.classes).get(name);
    const welcome = new Map(welcomeWords.classes).get(name);
    for (const words of [settings, welcome, machine.facts.allowed[name]])
      expect(words).toContain(allowed);
  }
});
