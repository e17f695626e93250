import { tick } from 'svelte';

/**
 * Changes a list. If what has the focus goes with it, the focus goes to what came after, or to the last one. Of each item
 * (an li or a section), `mark` selects what gets it.
 */
export async function keepingFocus(list: HTMLElement | undefined, mark: string, change: () => void) {
  const marks = () => [...(list?.querySelectorAll<HTMLElement>(mark) ?? [])];
  const held = document.activeElement;
  const all = marks();
  const place = all.findIndex((one) => one.closest('li, section')!.contains(held));
  change();
  await tick();
  if (place < 0 || held?.isConnected) return;
  const next = all.slice(place).find((one) => one.isConnected) ?? marks().at(-1) ?? document.getElementById('main');
  next?.focus();
}
