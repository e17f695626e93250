import { get, type Job } from './api';
import { reachable } from './reach.svelte';
import { session } from './session.svelte';

/** What the server tells by itself: work in the background, and how many images there are. */
class Live {
  jobs = $state<Job[]>([]);
  images = $state<number>();
  /** How often it was listened to anew: what happened before is not known. */
  opened = $state(0);
  #source?: EventSource;

  /** Only while the page is seen: a browser keeps six connections to a server, and each tab would hold one. */
  async start() {
    const follow = () => (document.hidden ? this.#close() : this.#open());
    await session.known;
    if (session.needed) return;
    document.addEventListener('visibilitychange', follow);
    follow();
  }

  learn(...jobs: Job[]) {
    const known = new Map([...this.jobs, ...jobs].map((job) => [job.number, job]));
    this.jobs = [...known.values()].sort((a, b) => b.number - a.number);
  }

  get running() {
    return this.jobs.find((job) => job.state === 'running');
  }

  #open() {
    if (this.#source) return;
    const source = (this.#source = new EventSource('/api/v1/events'));
    // A server that was started again numbers its jobs anew.
    source.onopen = async () => {
      this.opened++;
      this.jobs = [];
      this.learn(...(await get('/api/v1/jobs')).jobs);
    };
    source.addEventListener('job', (event) => this.learn(JSON.parse(event.data)));
    source.addEventListener('library', (event) => (this.images = JSON.parse(event.data).images));
    source.onerror = async () => {
      // It connects again by itself, unless what answered was not the stream.
      const given_up = source.readyState === EventSource.CLOSED;
      if (given_up) this.#close();
      await reachable();
      if (given_up && !document.hidden) setTimeout(() => this.#open(), 5000);
    };
  }

  #close() {
    this.#source?.close();
    this.#source = undefined;
  }
}

export const live = new Live();
