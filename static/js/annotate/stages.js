// In a study of the order: the later questions wait until somebody says that the earlier ones are finished.

/** The questions that wait: none once one of them has an answer or a mark, which an earlier visit gave. */
export function heldBack(later, state, wasPassed) {
  const isBegun = (key) =>
    Object.keys(state.choices[key] ?? {}).length > 0 || state.spans.some((span) => span.type.startsWith(`${key}:`));
  return wasPassed || later.some(isBegun) ? [] : later;
}

export class Stages {
  /**
   * @param bar    the element with what comes first and the button that goes on; null without a study
   * @param later  keys of the questions that come second
   * @param fields of questions.js
   * @param store  {get(), set()}: whether the first part was finished on an earlier visit
   */
  constructor(bar, later, fields, store) {
    Object.assign(this, { bar, later, fields, store, waiting: [] });
    bar?.querySelector("[data-stage-next]").addEventListener("click", () => this.goOn());
  }

  begin(state) {
    this.hold(heldBack(this.later, state, this.store.get()));
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

  /** To what the first part still lacks, or on to the second. */
  goOn() {
    const isOpen = this.fields.missing.every((entry) => this.fields.waits(entry));
    if (isOpen) {
      this.store.set();
      this.hold([]);
    }
    this.fields.goToMissing();
  }

  hold(keys) {
    this.waiting = keys;
    this.fields.holdBack(keys);
    this.bar?.toggleAttribute("hidden", keys.length === 0);
  }
}

/** In this tab, by assignment. */
export function passed(storage, id) {
  const name = `rubricate:first-part:${id}`;
  return {
    get: () => tried(() => storage.getItem(name)) === "finished",
    set: () => tried(() => storage.setItem(name, "finished")),
  };
}

function tried(use) {
  try {
    return use();
  } catch {
    // Without storage the button is pressed again after a reload.
    return null;
  }
}
