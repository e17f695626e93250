/** What this browser remembers; theme.js reads it before the first paint. */
const KEY = 'mimeme';

export interface Settings {
  theme: 'system' | 'light' | 'dark';
  motion: 'system' | 'reduced';
  /** The widest that a column of the wall may be, in CSS pixels. */
  column: number;
  /** The least similarity shown unless the address says otherwise. */
  threshold: number;
}

const defaults: Settings = { theme: 'system', motion: 'system', column: 240, threshold: 0.3 };

function saved(): Partial<Settings> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}');
  } catch {
    return {};
  }
}

export const settings: Settings = $state({ ...defaults, ...saved() });

function mark(name: 'theme' | 'motion', value: string) {
  if (value === 'system') delete document.documentElement.dataset[name];
  else document.documentElement.dataset[name] = value;
}

$effect.root(() => {
  $effect(() => {
    mark('theme', settings.theme);
    mark('motion', settings.motion);
    try {
      localStorage.setItem(KEY, JSON.stringify(settings));
    } catch {
      // Then they last as long as the page.
    }
  });
});

/** Light if it is dark now, and the other way round. */
export function switchTheme() {
  const dark = settings.theme === 'system' ? matchMedia('(prefers-color-scheme: dark)').matches : settings.theme === 'dark';
  settings.theme = dark ? 'light' : 'dark';
}
