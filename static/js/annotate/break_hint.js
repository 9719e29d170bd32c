// Judgments get uneven when people go on for too long: after some time of work without a rest the page says so, once.

export const WORK_MS = 50 * 60_000;
export const REST_MS = 5 * 60_000;
const KEPT_AS = "rubricate:work";
// How often what happened is written down.
const GRAIN_MS = 10_000;

export class BreakHint {
  /**
   * @param storage  kept from item to item: that of the session
   * @param onHint   (minutes) => void
   */
  constructor(storage, { onHint, now = Date.now }) {
    Object.assign(this, { storage, onHint, now });
    this.seen = null;
  }

  /** Something happened: a key, a pointer, a scroll. */
  tick() {
    const now = this.now();
    if (this.seen !== null && now - this.seen < GRAIN_MS) return;
    this.seen = now;
    const kept = this.read();
    const isRested = !kept || now - kept.last > REST_MS;
    const stretch = isRested ? { began: now, told: false } : kept;
    const isTime = !stretch.told && now - stretch.began >= WORK_MS;
    this.write({ began: stretch.began, told: stretch.told || isTime, last: now });
    if (isTime) this.onHint(Math.round((now - stretch.began) / 60_000));
  }

  read() {
    try {
      return JSON.parse(this.storage.getItem(KEPT_AS));
    } catch {
      return null;
    }
  }

  write(kept) {
    try {
      this.storage.setItem(KEPT_AS, JSON.stringify(kept));
    } catch {
      // Storage is full or switched off: no hint then.
    }
  }
}
