import { SvelteSet } from 'svelte/reactivity';
import { del, get, nameOf, type Image } from './api';
import { toasts } from './toasts.svelte';
import { t } from './strings';

/** The images of the library, newest first, as far as they were looked at. Outlives the page that shows them. */
class Library {
  images = $state.raw<Image[]>([]);
  /** Whether that is all of them. */
  complete = $state(false);
  loaded = $state(false);
  #next: number | null | undefined;
  #loading?: Promise<void>;

  more(): Promise<void> {
    if (this.complete) return Promise.resolve();
    return (this.#loading ??= this.#load().finally(() => (this.#loading = undefined)));
  }

  async #load() {
    const page = await get('/api/v1/images', { query: { cursor: this.#next ?? undefined, limit: 200 } });
    this.images = [...this.images, ...page.images];
    this.#next = page.next;
    this.complete = page.next === null;
    this.loaded = true;
  }

  /** Looks what came since; what was loaded stays. */
  async refresh() {
    const page = await get('/api/v1/images', { query: { limit: 200 } });
    const known = new Set(this.images.map((image) => image.id));
    const fresh = page.images.filter((image) => !known.has(image.id));
    if (fresh.length) this.images = [...fresh, ...this.images];
  }

  forget(id: number) {
    this.images = this.images.filter((image) => image.id !== id);
  }
}

export const library = new Library();

/** Images that are to be deleted, and are no longer shown. */
export const deleted = new SvelteSet<number>();

export const without = <T extends Image>(images: T[]): T[] =>
  deleted.size ? images.filter((image) => !deleted.has(image.id)) : images;

/** Seconds in which a deletion can be taken back. */
const REGRET = 6;

/** Deletes an image when nobody objected, at the latest when the page goes. */
export function remove(image: Image) {
  deleted.add(image.id);
  const gone = new AbortController();
  const settle = () => {
    gone.abort();
    clearTimeout(timer);
    close();
  };
  const send = async () => {
    settle();
    try {
      await del('/api/v1/images/{id}', { path: { id: image.id }, keepalive: true });
      library.forget(image.id);
    } catch (error) {
      deleted.delete(image.id);
      toasts.fail(error);
    }
  };
  const timer = setTimeout(send, REGRET * 1000);
  addEventListener('pagehide', send, { signal: gone.signal });
  const close = toasts.show(
    { text: t.deleted(nameOf(image)), action: { label: t.undo, run: () => (settle(), deleted.delete(image.id)) } },
    REGRET * 1000,
  );
}

/** The list that an image was opened from, for its neighbours and for the way back. */
export const trail = $state<{ images: Image[]; id?: number }>({ images: [] });
