import { tick } from 'svelte';

/** The part of the address that tells the view. Everything that a view shows is in it. */
class Router {
  path = $state(decode(location.pathname));
  search = $state(location.search);
  /** Whether this view was come back to: it shows itself as it was left. */
  returned = $state(typeof history.state?.scroll === 'number');

  /** Goes to another view, or with `replace` gives this one another address. */
  go(to: string, { replace = false } = {}) {
    const url = new URL(to, location.href);
    if (!replace) {
      remember();
      restoring?.abort();
    }
    history[replace ? 'replaceState' : 'pushState'](replace ? history.state : { inside: true }, '', url);
    const moved = url.pathname !== location.pathname || decode(url.pathname) !== this.path;
    this.#take();
    this.returned = false;
    if (!replace) scrollTo(0, 0);
    if (moved && !(document.activeElement instanceof HTMLInputElement)) focusMain();
  }

  /** To where one came from; from a deep link, to `otherwise`. */
  back(otherwise = '/') {
    if (history.state?.inside) history.back();
    else this.go(otherwise, { replace: true });
  }

  start() {
    history.scrollRestoration = 'manual';
    restore();
    addEventListener('popstate', () => {
      this.returned = true;
      this.#take();
      focusMain();
      restore();
    });
    let timer: ReturnType<typeof setTimeout>;
    addEventListener('scroll', () => {
      clearTimeout(timer);
      timer = setTimeout(remember, 200);
    });
    document.addEventListener('click', (event) => this.#follow(event));
  }

  #take() {
    this.path = decode(location.pathname);
    this.search = location.search;
  }

  /** Links of the app need no load. */
  #follow(event: MouseEvent) {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest<HTMLAnchorElement>('a[href]');
    if (!link || link.origin !== location.origin || link.target || link.hasAttribute('download')) return;
    if (/^\/(api|docs|openapi\.json|metrics)/.test(link.pathname)) return;
    if (link.hash && link.pathname === location.pathname) return;
    event.preventDefault();
    this.go(link.href);
  }
}

function decode(path: string) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Keyboard and screen reader go on where the new view begins. */
function focusMain() {
  document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true });
}

/** Aborted when the view is where it was left: until then its place is not to be remembered anew. */
let restoring: AbortController | undefined;

function remember() {
  if (!restoring || restoring.signal.aborted) history.replaceState({ ...history.state, scroll: scrollY }, '');
}

/** Scrolls to where the view was left, as soon as it is long enough, unless the user scrolls first. */
async function restore() {
  const target: unknown = history.state?.scroll;
  if (typeof target !== 'number' || !target) return;
  const until = performance.now() + 4000;
  const stop = (restoring = new AbortController());
  for (const kind of ['wheel', 'touchstart', 'keydown', 'popstate']) {
    addEventListener(kind, () => stop.abort(), { signal: stop.signal, passive: true });
  }
  await tick();
  const step = () => {
    if (stop.signal.aborted) return;
    scrollTo(0, target);
    if (Math.abs(scrollY - target) < 2 || performance.now() > until) stop.abort();
    else requestAnimationFrame(step);
  };
  step();
}

export const router = new Router();
