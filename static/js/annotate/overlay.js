// What a model gave the texts, over them: fetched when first shown, which for some is after an answer of their own.
// Whether it was ever shown is part of the answer.

import { Heat, sayPiece } from "./heat.js";

/** The key of the answer that no question can have. */
export const SHOWN = "@overlay";

/** What was shown, as the answer has it. */
export function readShown(answer) {
  const kept = answer?.[SHOWN];
  return { shown: kept?.shown === true, threshold: Number(kept?.threshold ?? 0) };
}

export class Overlay {
  /**
   * @param root     the page
   * @param level    "start", "after" or null
   * @param kept     of readShown
   * @param page     {views, fetch(), isEmpty(), save(), onPaint(), onShow(), onRecord()}: `save` resolves when the server has the
   *                 answer so far, `onPaint` draws the texts anew, `onShow` brings the texts that are painted to the front, `onRecord`
   *                 keeps what was shown
   */
  constructor(root, level, kept, page) {
    this.bar = root.querySelector("[data-overlay]");
    this.isThere = Boolean(level && this.bar);
    this.record = kept;
    this.page = page;
    this.heat = null;
    this.isOn = false;
    if (!this.isThere) return;
    this.level = level;
    this.find("toggle").addEventListener("click", () => this.toggle());
    const slider = this.find("threshold");
    slider.value = String(Math.round(kept.threshold * 100));
    slider.addEventListener("input", () => this.paint());
    slider.addEventListener("change", () => this.keep());
    document.addEventListener("pointerover", (event) => this.describe(event.target));
    document.addEventListener("selectionchange", () => this.describe(window.getSelection()?.focusNode?.parentElement));
  }

  /** What is drawn under the words now, or null. */
  get shown() {
    return this.isOn ? this.heat : null;
  }

  /** From the start, or again after a reload. */
  begin() {
    if (this.isThere && (this.level === "start" || this.record.shown)) this.toggle();
  }

  /** The answer has changed. */
  render() {
    if (!this.isThere || this.level !== "after" || this.heat) return;
    const isEarly = this.page.isEmpty() && !this.record.shown;
    this.find("toggle").disabled = isEarly;
    this.say(isEarly ? "Can be shown once you have answered something yourself." : "");
  }

  async toggle() {
    const button = this.find("toggle");
    if (button.disabled) return;
    if (!this.heat && !(await this.load(button))) return;
    this.isOn = !this.isOn;
    button.setAttribute("aria-pressed", String(this.isOn));
    this.find("scale").hidden = !this.isOn;
    this.paint();
    if (!this.isOn) return;
    this.page.onShow();
    this.keep();
  }

  async load(button) {
    button.disabled = true;
    if (this.level === "after") await this.page.save();
    const result = await this.page.fetch();
    button.disabled = false;
    if (result.kind !== "ok") {
      this.say(result.message ?? "You are signed out.");
      return false;
    }
    this.heat = new Heat(result.data, this.page.views);
    const without = Object.keys(result.data.outputs).filter((label) => result.data.outputs[label] === null);
    this.say(without.length > 0 ? `Nothing is stored for ${without.map((label) => `Response ${label}`).join(", ")}.` : "");
    for (const end of this.bar.querySelectorAll("[data-overlay-limit]")) end.textContent = String(result.data.limit);
    return true;
  }

  paint() {
    const slider = this.find("threshold");
    if (this.heat) {
      this.heat.share = slider.valueAsNumber / 100;
      this.find("value").textContent = String(Number((this.heat.limit * this.heat.share).toPrecision(2)));
    }
    this.page.onPaint();
  }

  keep() {
    const record = { shown: true, threshold: this.find("threshold").valueAsNumber / 100 };
    if (record.shown === this.record.shown && record.threshold === this.record.threshold) return;
    this.record = record;
    this.page.onRecord();
  }

  describe(element) {
    const piece = this.isOn && element?.closest?.("[data-value]");
    if (piece && piece.closest(".text-view, [data-step-of]")) this.find("readout").textContent = sayPiece(piece);
  }

  say(words) {
    this.find("state").textContent = words;
  }

  find(name) {
    return this.bar.querySelector(`[data-overlay-${name}]`);
  }
}
