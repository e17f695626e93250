import type { Match } from './api';

const integer = new Intl.NumberFormat();
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export const count = (value: number) => integer.format(value);
export const similarity = (value: number) => value.toFixed(2);
export const date = (iso: string) => day.format(new Date(iso));

export function bytes(value: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  const scaled = value / 1000 ** step;
  return new Intl.NumberFormat(undefined, {
    style: 'unit',
    unit: units[step],
    unitDisplay: step ? 'short' : 'long',
    maximumFractionDigits: step && scaled < 100 ? 1 : 0,
  }).format(scaled);
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.ceil((seconds % 3600) / 60)} min`;
}

/** The context of a match, cut around what matched. The server counts bytes of UTF-8, a string here counts UTF-16. */
export function highlight({ context, begin, end }: Pick<Match, 'context' | 'begin' | 'end'>): [string, string, string] {
  const raw = new TextEncoder().encode(context);
  const text = (from: number, to?: number) => new TextDecoder().decode(raw.subarray(from, to));
  return [text(0, begin), text(begin, end), text(end)];
}
