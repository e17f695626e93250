import { toasts } from './toasts.svelte';

interface Page<T> {
  items: T[];
  /** The cursor of the page after it. */
  next: number | null;
}

/** A list that the server gives a page at a time: the next one when the end of what is shown comes into sight. */
export class Pages<T> {
  items = $state.raw<T[]>([]);
  next = $state<number | null>(0);
  #growing = false;

  constructor(
    readonly ask: (query: { cursor: number; limit: number }) => Promise<Page<T>>,
    readonly size = 50,
    /** How far out of sight the end may be. */
    readonly margin = '600px',
  ) {}

  /** Asks anew for as many as there are. */
  look(): Promise<Page<T>> {
    return this.ask({ cursor: 0, limit: Math.min(1000, Math.max(this.size, this.items.length)) });
  }

  show({ items, next }: Page<T>) {
    this.items = items;
    this.next = next;
  }

  async #more() {
    if (this.#growing || this.next === null) return;
    this.#growing = true;
    const cursor = this.next;
    try {
      const page = await this.ask({ cursor, limit: this.size });
      if (this.next !== cursor) return; // the list is another by now
      this.items = [...this.items, ...page.items];
      this.next = page.next;
    } catch (cause) {
      toasts.fail(cause);
    } finally {
      this.#growing = false;
    }
  }

  /** Attached to what stands at the end while there is a next page; seen anew after each, because it may still be in sight. */
  end = (node: HTMLElement) => {
    void this.items;
    const watch = new IntersectionObserver(([entry]) => entry!.isIntersecting && void this.#more(), { rootMargin: this.margin });
    watch.observe(node);
    return () => watch.disconnect();
  };
}
