/** Whether the server answers. */
export const reach = $state({ up: true });

let probing: Promise<void> | undefined;

/** Resolves as soon as the server answers; whoever waits shares one probe. */
export function reachable(): Promise<void> {
  return (probing ??= probe().finally(() => (probing = undefined)));
}

async function probe() {
  for (let wait = 500; ; wait = Math.min(wait * 2, 8000)) {
    const answer = await fetch('/healthz', { cache: 'no-store' }).catch(() => undefined);
    reach.up = answer?.ok ?? false;
    if (reach.up) return;
    await new Promise((done) => setTimeout(done, wait));
  }
}
