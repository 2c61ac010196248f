// The contrast of every text and mark colour on every surface it is used on, light and dark.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const css = readFileSync('src/styles/tokens.css', 'utf8');
const SURFACES = ['bg', 'surface', 'hover'];
const TEXT: Record<string, string[]> = {
  ink: [...SURFACES, 'sunken', 'accent-soft', 'ok-soft', 'warn-soft', 'bad-soft', 'off-soft'],
  'ink-2': [...SURFACES, 'sunken', 'accent-soft', 'warn-soft', 'bad-soft', 'off-soft'],
  'ink-3': [...SURFACES, 'sunken'],
  accent: [...SURFACES, 'accent-soft', 'sunken'],
  ok: [...SURFACES, 'ok-soft'],
  warn: [...SURFACES, 'warn-soft'],
  bad: [...SURFACES, 'bad-soft'],
  run: [...SURFACES, 'run-soft'],
  off: [...SURFACES, 'off-soft'],
  'on-accent': ['accent', 'accent-hover'],
  'on-bad': ['bad'],
};
const MARKS: Record<string, string[]> = {
  'ok-mark': SURFACES,
  'warn-mark': SURFACES,
  'bad-mark': SURFACES,
  'run-mark': SURFACES,
  'off-mark': SURFACES,
  'line-control': SURFACES,
  focus: SURFACES,
};

function token(name: string, dark: boolean): string {
  const found = new RegExp(`--${name}: light-dark\\((#[0-9a-f]{6}), (#[0-9a-f]{6})\\)`).exec(css);
  if (!found) throw new Error(`no colour ${name}`);
  return found[dark ? 2 : 1] ?? '';
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

function pairs(of: Record<string, string[]>): [string, string][] {
  return Object.entries(of).flatMap(([name, grounds]) =>
    grounds.map((ground) => [name, ground] as [string, string]),
  );
}

test.each(pairs(TEXT))('%s can be read on %s', (name, ground) => {
  for (const dark of [false, true]) {
    expect(contrast(token(name, dark), token(ground, dark))).toBeGreaterThanOrEqual(4.5);
  }
});

test.each(pairs(MARKS))('%s can be seen on %s', (name, ground) => {
  for (const dark of [false, true]) {
    expect(contrast(token(name, dark), token(ground, dark))).toBeGreaterThanOrEqual(3);
  }
});

test('no colour is written anywhere else', () => {
  const sheets = import.meta.glob<string>(
    ['../src/**/*.css', '../src/**/*.svelte', '!../src/styles/tokens.css'],
    {
      query: '?raw',
      import: 'default',
      eager: true,
    },
  );
  expect(Object.keys(sheets).length).toBeGreaterThan(30);
  const coloured = Object.entries(sheets).filter(([, text]) =>
    /#[0-9a-f]{6}\b|rgba?\(|hsla?\(/i.test(text),
  );
  expect(coloured.map(([name]) => name)).toEqual([]);
});

test('no markup has what the page may not run', () => {
  const markup = import.meta.glob<string>(['../src/**/*.svelte'], {
    query: '?raw',
    import: 'default',
    eager: true,
  });
  const forbidden = Object.entries(markup).filter(([, text]) =>
    /\sstyle=|\bstyle:|transition:|\{@html/.test(text),
  );
  expect(forbidden.map(([name]) => name)).toEqual([]);
});
