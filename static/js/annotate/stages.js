// In a study of the order: the later questions wait until somebody says that the earlier ones are finished.

/** The questions that wait: none once one of them has an answer or a mark, which an earlier visit gave. */
export function heldBack(later, state) {
  const isBegun = (key) =>
    Object.keys(state.choices[key] ?? {}).length > 0 || state.spans.some((span) => span.type.startsWith(`${key}:`));
  return later.some(isBegun) ? [] : later;
}

export class Stages {
  /**
   * @param bar     the element with what comes first and the button that goes on; null without a study
   * @param later   keys of the questions that come second; none where the server knows that the first part is finished
   * @param fields  of questions.js
   * @param finish  async () => boolean: tell the server that the first part is finished; whether it has taken note
   */
  constructor(bar, later, fields, finish) {
    Object.assign(this, { bar, later, fields, finish, waiting: [] });
    /** What the server is told with every draft. */
    this.isFinished = false;
    bar?.querySelector("[data-stage-next]").addEventListener("click", () => this.goOn());
  }

  begin(state) {
    const waiting = heldBack(this.later, state);
    this.isFinished = waiting.length === 0;
    this.hold(waiting);
  }

  get isHeld() {
    return this.waiting.length > 0;
  }

  /** Whether marks of this type wait. */
  holdsMark(type) {
    return this.waiting.some((key) => type.startsWith(`${key}:`));
  }

  /** Somebody tried what waits. */
  point() {
    this.bar.scrollIntoView({ block: "nearest" });
    this.bar.querySelector("[data-stage-next]").focus();
  }

  /** To what the first part still lacks, or on to the second once the server has taken note: it refuses that before. */
  async goOn() {
    if (this.isFinished) return;
    const isOpen = this.fields.missing.every((entry) => this.fields.waits(entry));
    if (isOpen) {
      this.isFinished = true;
      this.isFinished = await this.finish();
      if (this.isFinished) this.hold([]);
    }
    this.fields.goToMissing();
  }

  hold(keys) {
    this.waiting = keys;
    this.fields.holdBack(keys);
    this.bar?.toggleAttribute("hidden", keys.length === 0);
  }
}
