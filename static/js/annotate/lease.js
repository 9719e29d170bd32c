// The hold on the item: renewed while the page is open, given back when it is left with nothing answered.

const BEAT_MS = 30_000;

export class Lease {
  /**
   * @param post      async (name, body, options) => result of api.js
   * @param activeMs  () => number
   * @param onLost    (result) => void: the item cannot be worked on any more
   * @param onAlive   (leaseUntil) => void: it is held until then
   * @param signal    of an AbortController: aborted when the item is left
   */
  constructor({ post, activeMs, onLost, onSignedOut, onAlive, isEmpty, signal }) {
    Object.assign(this, { post, activeMs, onLost, onSignedOut, onAlive, isEmpty });
    this.isOver = false;
    this.isKept = false;
    this.timer = setInterval(() => this.beat(), BEAT_MS);
    window.addEventListener("pagehide", () => this.leave(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.comeBack(), { signal });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.beat(), { signal });
    window.addEventListener("online", () => this.beat(), { signal });
  }

  async beat() {
    if (this.isOver) return;
    const result = await this.post("heartbeat", { active_ms: this.activeMs() });
    if (this.isOver) return;
    if (result.kind === "error") this.onLost(result);
    else if (result.kind === "signed-out") this.onSignedOut();
    else if (result.kind === "ok") this.onAlive(result.data.lease_until);
  }

  /** The item is submitted or skipped: nothing is to be renewed or given back. */
  end() {
    this.isOver = true;
    clearInterval(this.timer);
  }

  /** The page is left for a look at another item: this one is not given back, even with nothing answered. */
  keep() {
    this.isKept = true;
  }

  comeBack() {
    this.isKept = false;
    this.beat();
  }

  leave() {
    if (!this.isOver && !this.isKept && this.isEmpty()) this.post("release", undefined, { keepalive: true });
  }
}
