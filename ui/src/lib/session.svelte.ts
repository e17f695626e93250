import type { components } from './contract';

/** Who the server takes us for, and what it lets us do. */
type Said = components['schemas']['Session'];
export type Scope = Said['scope'];

const ADDRESS = '/api/v1/session';

class Session {
  scope = $state<Scope>();
  /** The name of the key that was signed in with. */
  key = $state<string | null>(null);
  token?: string;
  /** Whether something was asked that takes a key. */
  refused = $state(false);
  /** When it is known. */
  readonly known: Promise<void>;

  constructor() {
    this.known = fetch(ADDRESS, { cache: 'no-store' })
      .then(async (response) => response.ok && this.#take(await response.json()))
      .catch(() => undefined);
  }

  get needed() {
    return this.refused || this.scope === 'none';
  }

  /** Then everything begins anew. What the server says against it, if it does. */
  async signIn(key: string): Promise<string | undefined> {
    const response = await fetch(ADDRESS, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ key }),
    });
    if (!response.ok) return (await response.json()).detail;
    location.reload();
  }

  async signOut() {
    await fetch(ADDRESS, { method: 'DELETE' });
    location.reload();
  }

  #take({ scope, key, csrf_token }: Said) {
    this.scope = scope;
    this.key = key;
    this.token = csrf_token ?? undefined;
    document.documentElement.dataset.scope = scope; // app.css hides what it does not allow
  }
}

export const session = new Session();
