import { SvelteSet } from 'svelte/reactivity';
import { del, get, nameOf, type Image } from './api';
import { toasts } from './toasts.svelte';
import { t } from './strings';

const PAGE = 200;

/** The images of the library, newest first, as far as they were looked at. Outlives the page that shows them. */
class Library {
  images = $state.raw<Image[]>([]);
  /** Whether that is all of them. */
  complete = $state(false);
  loaded = $state(false);
  fresh = $state.raw<Image[]>([]);
  #newest?: { images: Image[]; next: number | null };
  #next: number | null | undefined;
  #loading?: Promise<void>;

  more(): Promise<void> {
    if (this.complete) return Promise.resolve();
    return (this.#loading ??= this.#load().finally(() => (this.#loading = undefined)));
  }

  async #load() {
    const page = await get('/api/v1/images', { query: { cursor: this.#next ?? undefined, limit: PAGE } });
    this.images = [...this.images, ...page.images];
    this.#next = page.next;
    this.complete = page.next === null;
    this.loaded = true;
  }

  /** Looks for what came since, which take() shows. */
  async look() {
    if (!this.loaded) return;
    const page = await get('/api/v1/images', { query: { limit: PAGE } });
    const known = new Set(this.images.map((image) => image.id));
    this.fresh = page.images.filter((image) => !known.has(image.id));
    this.#newest = page;
  }

  take() {
    const { images, next } = this.#newest ?? { images: [], next: null };
    if (this.fresh.length < images.length) this.images = [...this.fresh, ...this.images];
    else if (images.length) {
      // More came than a page holds: what is between is not known, so it begins anew.
      this.images = images;
      this.#next = next;
      this.complete = next === null;
    }
    this.fresh = [];
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

/** Deletes images when nobody objected, at the latest when the page goes. */
export function remove(...images: Image[]) {
  for (const { id } of images) deleted.add(id);
  const gone = new AbortController();
  const settle = () => {
    gone.abort();
    clearTimeout(timer);
    close();
  };
  const send = () => {
    settle();
    for (const { id } of images) {
      del('/api/v1/images/{id}', { path: { id }, keepalive: true }).then(
        () => library.forget(id),
        (error) => {
          deleted.delete(id);
          toasts.fail(error);
        },
      );
    }
  };
  const takeBack = () => {
    settle();
    for (const { id } of images) deleted.delete(id);
  };
  const timer = setTimeout(send, REGRET * 1000);
  addEventListener('pagehide', send, { signal: gone.signal });
  const text = images.length === 1 ? t.deleted(nameOf(images[0]!)) : t.deletedMany(images.length);
  const close = toasts.show({ text, action: { label: t.undo, run: takeBack } }, REGRET * 1000);
}

/** The list that an image was opened from, for its neighbours and for the way back. */
export const trail = $state<{ images: Image[]; id?: number }>({ images: [] });
