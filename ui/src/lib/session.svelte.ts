import type { components } from './contract';
import { reachable } from './reach.svelte';

/** Who the server takes us for, and what it lets us do. */
type Said = components['schemas']['Session'];
export type Scope = Said['scope'];

const ADDRESS = '/api/v1/session';
const SCOPES: Scope[] = ['none', 'read', 'write', 'admin'];

class Session {
  scope = $state<Scope>();
  /** The name of the key that was signed in with. */
  key = $state<string | null>(null);
  token?: string;
  /** Whether to sign in: asked for, or because something takes a key. */
  asked = $state(false);
  /** When it is known. */
  readonly known: Promise<void> = this.learn();

  get needed() {
    return this.asked || this.scope === 'none';
  }

  may(scope: Scope) {
    return SCOPES.indexOf(this.scope ?? 'admin') >= SCOPES.indexOf(scope);
  }

  /** Asks until the server tells. */
  async learn(): Promise<void> {
    const response = await fetch(ADDRESS, { cache: 'no-store' }).catch(() => undefined);
    if (!response?.ok) {
      await reachable();
      await new Promise((done) => setTimeout(done, 500));
      return this.learn();
    }
    const { scope, key, csrf_token }: Said = await response.json();
    this.scope = scope;
    this.key = key;
    this.token = csrf_token ?? undefined;
    document.documentElement.dataset.scope = scope; // app.css hides what it does not allow
  }

  /** What changes something bears it. */
  headers(): Record<string, string> {
    return this.token ? { 'X-CSRF-Token': this.token } : {};
  }

  /** Whether it is worth to ask once more what was refused: another tab has signed in anew, or out. */
  async refused(status: number): Promise<boolean> {
    if (status === 401) this.asked = true;
    if (status !== 403 || !this.token) return false;
    const before = this.token;
    await this.learn();
    return this.token !== before;
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
}

export const session = new Session();
