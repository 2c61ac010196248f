// Light, dark, or as the system has it; and whether single keys do something.
export type Theme = 'system' | 'light' | 'dark';
export const THEMES: Theme[] = ['system', 'light', 'dark'];

const THEME = 'holdfast-theme';
const KEYS = 'holdfast-keys';

let theme = $state<Theme>((stored(THEME) as Theme | null) ?? 'system');
let singleKeys = $state(stored(KEYS) !== 'off');

export const preferences = {
  get theme(): Theme {
    return theme;
  },
  set theme(next: Theme) {
    theme = next;
    store(THEME, next);
    applyTheme();
  },
  get singleKeys(): boolean {
    return singleKeys;
  },
  set singleKeys(next: boolean) {
    singleKeys = next;
    store(KEYS, next ? 'on' : 'off');
  },
};

export function applyTheme(): void {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

function stored(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function store(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Without storage it holds for this page only.
  }
}
