// Everything that is read stands in a file of words: a second language is a second set of those.
import { readdirSync, readFileSync } from 'node:fs';
import { parse, type AST } from 'svelte/compiler';
import { expect, test } from 'vitest';

const SAID = ['aria-label', 'alt', 'label', 'placeholder', 'title', 'word', 'hint', 'summary'];
/** The same in every language: names of things, units, what is typed, what a program prints. */
const SAME = [
  /^(guid|restic|TOML|URL|Esc|Ctrl|admin|operator|viewer|holdfast|Backrest)\b/,
  /^holdfast user passwd$/,
  /^Authorization: Bearer/,
  /^https?:\/\//,
  /^[^A-Za-z]*$/,
  /^[a-z0-9*._/=:~?-]+$/,
  /^[MLZHV]$/,
  /^\[data-/,
  /^restore newest$/,
];
const isSame = (text: string) => SAME.some((pattern) => pattern.test(text));

const components = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.svelte'),
);

type Node = { type: string } & Record<string, unknown>;

function* nodesOf(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const one of value) yield* nodesOf(one);
  else if (typeof value === 'object' && value !== null) {
    if ('type' in value && typeof value.type === 'string') yield value as Node;
    for (const [key, part] of Object.entries(value)) {
      if (key !== 'css' && key !== 'metadata') yield* nodesOf(part);
    }
  }
}

/** What a toast or a button is given to say, be it one word. */
function told(node: Node): string[] {
  const key = node.type === 'Property' ? (node.key as { name?: string }).name : undefined;
  if (key === undefined || ![...SAID, 'text'].includes(key)) return [];
  const value = node.value as Node;
  if (value.type === 'Literal') return [String(value.value)].filter((text) => /^[A-Z]/.test(text));
  const parts = value.type === 'TemplateLiteral' ? (value.quasis as Node[]) : [];
  const texts = parts.map((part) => (part.value as { cooked: string }).cooked);
  return texts.filter((text) => /[a-z]{2}/.test(text)).map((text) => `… ${text.trim()}`);
}

function textsOf(root: AST.Root): string[] {
  const found: string[] = [];
  for (const node of nodesOf(root.fragment)) {
    if (node.type === 'Text') found.push(String(node.data));
    // What a class or an address is made of is not read.
    if (node.type === 'Attribute' && !SAID.includes(String(node.name)))
      for (const part of nodesOf(node.value)) part.data = '';
  }
  // In scripts and expressions: a sentence is more than one word, and begins like one.
  for (const node of [...nodesOf(root.instance), ...nodesOf(root.fragment)]) {
    if (node.type === 'Literal' && typeof node.value === 'string' && / [a-z]/.test(node.value))
      if (!/^[\w\s,.:>[\]()#&=*"'-]*[[(:#>.][\w\s,.:>[\]()#&=*"'-]*$/.test(node.value))
        found.push(node.value);
    if (node.type === 'TemplateElement')
      found.push(String((node.value as { cooked: string }).cooked));
    found.push(...told(node));
  }
  return found.map((text) => text.trim()).filter((text) => text && !isSame(text));
}

test('there are components to look at', () => {
  expect(components.length).toBeGreaterThan(100);
});

test.each(components)('%s says nothing of its own', (file) => {
  expect(textsOf(parse(readFileSync(`src/${file}`, 'utf8'), { modern: true }))).toEqual([]);
});
