// The words of the config file: where it is, what is wrong with it, and what runs.
import { plural } from '$/messages';

export const configWords = {
  what: 'what this machine is told to do, as text',
  loading: 'The config file',
  where: 'File',
  whereWhat: 'Edit it with any editor: what changes is taken over at once.',
  copyPath: 'Copy the path',
  state: 'State',
  good: 'What runs is what this file says.',
  wrong: (n: number) =>
    `This file is not in use: it has ${plural(n, { one: 'problem', other: 'problems' })}. What runs is the last good one.`,
  problems: 'Problems',
  problemsWhat:
    'Correct all of them in the file. It is taken over as soon as it is good, without a restart.',
  at: (line: number, column: number) => `line ${line}, column ${column}`,
  check: 'The same list in a terminal:',
  running: 'What runs now',
  runningWhat: 'Without secrets: *** stands for each. Comments stay in the file.',
  copyText: 'Copy the text',
};
