/** One entry of a menu: a link or something to do. */
export interface MenuItem {
  word: string;
  href?: string;
  run?: () => unknown;
  danger?: boolean;
  /** Why it cannot be done: the entry stays visible and says so. */
  blocked?: string;
  /** One of several, of which one is chosen. */
  checked?: boolean;
}
