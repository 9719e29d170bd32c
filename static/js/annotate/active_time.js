// How long the person has worked on the item: time counts while the page is visible and something happened lately.

const IDLE_MS = 60_000;

export class ActiveTime {
  constructor(soFar, now = () => performance.now()) {
    this.total = soFar;
    this.now = now;
    this.last = null;
  }

  /** Something happened: a key, a pointer, a scroll. */
  tick() {
    const now = this.now();
    if (this.last !== null) this.total += Math.min(now - this.last, IDLE_MS);
    this.last = now;
  }

  /** The page is hidden: nothing counts until the next tick. */
  pause() {
    this.tick();
    this.last = null;
  }

  /** Milliseconds, whole. */
  get milliseconds() {
    const open = this.last === null ? 0 : Math.min(this.now() - this.last, IDLE_MS);
    return Math.round(this.total + open);
  }
}
