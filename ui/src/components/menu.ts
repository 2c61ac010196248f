/** One entry of a menu: a link or something to do. */
export interface MenuItem {
  word: string;
  href?: string;
  run?: () => unknown;
  danger?: boolean;
  /** Why it cannot be done: the entry stays visible and says so. */
  blocked?: string;
  /** On or off; in a group, the one of several that is chosen. */
  checked?: boolean;
  /** What those that follow each other choose together: "Theme". */
  group?: string;
}

export interface Section {
  group?: string;
  members: MenuItem[];
}

/** Entries that follow each other in one group are one section. */
export function sectionsOf(items: MenuItem[]): Section[] {
  const sections: Section[] = [];
  for (const item of items) {
    const last = sections.at(-1);
    if (last && last.group === item.group) last.members.push(item);
    else sections.push({ group: item.group, members: [item] });
  }
  return sections;
}
