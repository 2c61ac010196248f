// Who may do what with a file, as `ls` writes it.

/** restic writes what is special in front (`urwxr-xr-x`), `ls` in its place (`rwsr-xr-x`). */
const SPECIAL: [letter: string, at: number, withX: string, without: string][] = [
  ['u', 2, 's', 'S'],
  ['g', 5, 's', 'S'],
  ['t', 8, 't', 'T'],
];

export function modeText(permissions: string): string {
  const letters = [...permissions.slice(-9)];
  const before = permissions.slice(0, -9);
  for (const [letter, at, withX, without] of SPECIAL)
    if (before.includes(letter)) letters[at] = letters[at] === 'x' ? withX : without;
  return letters.join('');
}
