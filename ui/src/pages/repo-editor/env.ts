// Variables pasted as lines, as a shell or an env file has them.
export interface Variable {
  name: string;
  value: string;
}

export interface Pasted {
  variables: Variable[];
  /** Lines that are none. */
  unread: number;
}

const LINE = /^(?:export\s+|set\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;

/** Of the same name the last counts, as in a shell. */
export function pasted(text: string): Pasted {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith('#'));
  const found = lines.flatMap((line) => {
    const [, name, value] = LINE.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [{ name, value: valueOf(value) }];
  });
  const last = new Map(found.map((variable) => [variable.name, variable]));
  return { variables: [...last.values()], unread: lines.length - found.length };
}

/** Without its quotes, and without a comment after it. */
function valueOf(text: string): string {
  const [, double] = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/.exec(text) ?? [];
  if (double !== undefined) return double.replace(/\\(["\\$`])/g, '$1');
  const [, single] = /^'([^']*)'\s*(?:#.*)?$/.exec(text) ?? [];
  return single ?? text.replace(/\s+#.*$/, '').trim();
}

/** In the place of the row that was pasted into; what has a row already gets its value there. */
export function withPasted(rows: Variable[], at: number, variables: Variable[]): Variable[] {
  const next = rows.map((row, i) => {
    const given = i !== at && variables.find(({ name }) => name === row.name.trim());
    return given ? { ...row, value: given.value } : row;
  });
  const names = rows.filter((_, i) => i !== at).map(({ name }) => name.trim());
  const added = variables.filter(({ name }) => !names.includes(name));
  return [...next.slice(0, at), ...added, ...next.slice(at + 1)];
}
