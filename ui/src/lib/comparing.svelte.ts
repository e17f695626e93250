import { post } from './api';
import { live } from './live.svelte';
import { session } from './session.svelte';
import { toasts } from './toasts.svelte';

/** The work that finds which images are the same picture, and which are of one template. */
export class Comparing {
  /** Whether it was asked for here. */
  asked = $state(false);

  get job() {
    return live.jobs.find(({ kind }) => kind === 'duplicates');
  }

  get active() {
    return this.job?.state === 'running' || this.job?.state === 'waiting';
  }

  /** Only once: who cancels it does not want it begun again. */
  async beginOnce() {
    await session.known;
    if (!this.active && !this.asked && session.may('admin')) await this.begin();
  }

  async begin() {
    this.asked = true;
    try {
      live.learn(await post('/api/v1/jobs', { body: { kind: 'duplicates' } }));
    } catch (cause) {
      toasts.fail(cause);
    }
  }
}
