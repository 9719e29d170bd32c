// Drafts: every change is kept in this browser at once and on the server within a second. What could not be sent is
// tried again for as long as the page is open, and found by the next page that opens the item.

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;

/** Words of `DraftKeeper.state`: clean, waiting, saving, saved, offline, conflict, refused. */
export class DraftKeeper {
  /**
   * @param send          async ({answer, revision}) => {kind: "ok", data} | {kind: "offline"} | {kind: "error", code, ...}
   * @param store         LocalDraft
   * @param revision      what the server last said, 0 for none
   * @param onState       (state, detail) => void
   * @param wait          milliseconds between a change and its save
   */
  constructor({ send, store, revision, onState, wait = 500, timers = globalThis }) {
    Object.assign(this, { send, store, revision, onState, wait, timers });
    this.answer = null;
    this.isDirty = false;
    this.running = null;
    this.timer = null;
    this.retryMs = FIRST_RETRY_MS;
    this.isHeld = false;
    // Changes that the server has not got yet; and what was sent of them without ever hearing back.
    this.queued = 0;
    this.unheard = [];
    this.state = "clean";
  }

  /** Take note of a change; it is in this browser when the call returns. */
  change(answer) {
    this.answer = answer;
    this.isDirty = true;
    this.queued += 1;
    this.store.write({ answer, revision: this.revision });
    if (this.state === "conflict") return;
    this.tell("waiting");
    this.schedule(this.wait);
  }

  /** Send what has not been sent, now; resolves to whether the server has everything. */
  async flush() {
    this.timers.clearTimeout(this.timer);
    if (this.isHeld) return false;
    this.running ??= this.sendAll().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  /** Settle a conflict: write this version over the one that the server has. */
  async keepMine(serverRevision) {
    this.revision = serverRevision;
    this.isDirty = true;
    this.state = "waiting";
    return this.flush();
  }

  /** Settle a conflict: the server's version is the one to go on with. */
  takeTheirs(answer, revision, savedAt) {
    this.answer = answer;
    this.revision = revision;
    this.isDirty = false;
    this.queued = 0;
    this.store.clear();
    this.tell("saved", { saved_at: savedAt });
  }

  /** Send nothing while a submit is on its way; what is being sent is waited for. */
  async hold() {
    this.timers.clearTimeout(this.timer);
    this.isHeld = true;
    await this.running;
  }

  /** The submit did not go through: the draft is what counts again. */
  resume() {
    this.isHeld = false;
    if (this.isDirty) this.schedule(this.wait);
  }

  /** Stop: what is on the server now stands. */
  finish() {
    this.timers.clearTimeout(this.timer);
    this.isHeld = true;
    this.isDirty = false;
    this.store.clear();
  }

  async sendAll() {
    while (this.isDirty && !this.isHeld) {
      const { answer, queued } = this;
      this.tell("saving");
      const result = await this.send({ answer, revision: this.revision });
      if (result.kind === "offline") {
        this.unheard.push(answer);
        this.tell("offline", { ...result, queued: this.queued });
        this.schedule(this.retryMs);
        this.retryMs = Math.min(2 * this.retryMs, LONGEST_RETRY_MS);
        return false;
      }
      if (result.kind !== "ok") {
        this.tell(result.code === "draft_conflict" ? "conflict" : "refused", result);
        return false;
      }
      this.retryMs = FIRST_RETRY_MS;
      this.revision = result.data.revision;
      this.queued -= queued;
      this.unheard = [];
      // A change that was made while this one was on its way goes out in the next turn.
      if (this.answer === answer) {
        this.isDirty = false;
        this.store.clear();
        this.tell("saved", result.data);
      } else {
        this.store.write({ answer: this.answer, revision: this.revision });
      }
    }
    return true;
  }

  schedule(delay) {
    this.timers.clearTimeout(this.timer);
    this.timer = this.timers.setTimeout(() => this.flush(), delay);
  }

  tell(state, detail = {}) {
    this.state = state;
    this.onState(state, detail);
  }
}

/** The copy in this browser. Each tab has its own, so that two tabs cannot overwrite each other's. */
export class LocalDraft {
  constructor(storage, assignment, tab) {
    this.storage = storage;
    this.prefix = `rubricate:draft:${assignment}:`;
    this.key = this.prefix + tab;
  }

  write(draft) {
    try {
      this.storage.setItem(this.key, JSON.stringify({ ...draft, at: Date.now() }));
    } catch {
      // Storage is full or switched off: the server's copy has to do.
    }
  }

  clear() {
    this.storage.removeItem(this.key);
  }

  /** Unsent copies that this or an earlier page left behind, newest first; they are taken out of the storage. */
  takeLeftovers() {
    const keys = Array.from({ length: this.storage.length }, (_, index) => this.storage.key(index));
    const found = [];
    for (const key of keys.filter((key) => key?.startsWith(this.prefix))) {
      try {
        found.push(JSON.parse(this.storage.getItem(key)));
      } catch {
        // Not ours, or cut off in the middle of a write.
      }
      this.storage.removeItem(key);
    }
    return found.filter((draft) => draft?.answer).sort((a, b) => b.at - a.at);
  }
}
