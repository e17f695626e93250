export interface Toast {
  text: string;
  bad?: boolean;
  /** What can be done about it. */
  action?: { label: string; run(): void };
}

class Toasts {
  all = $state<Toast[]>([]);

  /** Says something for a while; what it answers takes it back. */
  show(toast: Toast, milliseconds = 6000): () => void {
    const shown = $state(toast);
    this.all.push(shown);
    const close = () => void (this.all = this.all.filter((other) => other !== shown));
    setTimeout(close, milliseconds);
    return close;
  }

  fail(error: unknown) {
    this.show({ text: error instanceof Error ? error.message : String(error), bad: true });
  }
}

export const toasts = new Toasts();
