// What models gave the texts, over them: fetched when first shown, which for some is after an answer of their own. Of
// several sources one is drawn at a time. Whether and which were ever shown is part of the answer.

import { gettext } from "../i18n.js";
import { Heat, sayPiece } from "./heat.js";

/** The key of the answer that no question can have. */
export const SHOWN = "@overlay";

/** What was shown, as the answer has it. */
export function readShown(answer) {
  const kept = answer?.[SHOWN];
  return { shown: kept?.shown === true, threshold: Number(kept?.threshold ?? 0), sources: kept?.sources ?? [] };
}

export class Overlay {
  /**
   * @param root     the page
   * @param level    "start", "after" or null
   * @param kept     of readShown
   * @param page     {views, fetch(), isEmpty(), save(), onMarks(marks), onPaint(), onShow(), onRecord(), signal}: `save` resolves when the
   *                 server has the answer so far, `onMarks` takes the spans that models marked, `onPaint` draws the texts anew,
   *                 `onShow` brings the texts that are painted to the front, `onRecord` keeps what was shown; `signal`
   *                 of an AbortController is aborted when the item is left
   */
  constructor(root, level, kept, page) {
    this.bar = root.querySelector("[data-overlay]");
    this.isThere = Boolean(level && this.bar);
    this.record = kept;
    this.page = page;
    this.heats = null;
    this.at = 0;
    this.isOn = false;
    if (!this.isThere) return;
    this.level = level;
    this.find("toggle").addEventListener("click", () => this.toggle());
    const slider = this.find("threshold");
    slider.value = String(Math.round(kept.threshold * 100));
    slider.addEventListener("input", () => this.paint());
    slider.addEventListener("change", () => this.keep());
    const { signal } = page;
    document.addEventListener("pointerover", (event) => this.describe(event.target), { signal });
    const selected = () => this.describe(window.getSelection()?.focusNode?.parentElement);
    document.addEventListener("selectionchange", selected, { signal });
  }

  /** What is drawn under the words now, or null. */
  get shown() {
    return this.isOn ? (this.heats[this.at] ?? null) : null;
  }

  /** From the start, or again after a reload. */
  begin() {
    if (this.isThere && (this.level === "start" || this.record.shown)) this.toggle();
  }

  /** The answer has changed. */
  render() {
    if (!this.isThere || this.level !== "after" || this.heats) return;
    const isEarly = this.page.isEmpty() && !this.record.shown;
    this.find("toggle").disabled = isEarly;
    this.say(isEarly ? gettext("Can be shown once you have answered something yourself.") : "");
  }

  async toggle() {
    const button = this.find("toggle");
    if (button.disabled) return;
    if (!this.heats && !(await this.load(button))) return;
    this.isOn = !this.isOn;
    button.setAttribute("aria-pressed", String(this.isOn));
    this.find("scale").hidden = !this.isOn || this.heats.length === 0;
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
      this.say(result.message ?? gettext("You are signed out."));
      return false;
    }
    const { sources, marks } = result.data;
    this.heats = sources.map((source) => new Heat(source, this.page.views));
    this.offer(sources);
    this.page.onMarks(marks);
    this.describeSource();
    return true;
  }

  /** A button for each of several sources. */
  offer(sources) {
    const group = this.find("sources");
    const buttons = sources.map((source, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button button-small";
      button.textContent = source.name;
      button.setAttribute("aria-pressed", String(index === this.at));
      button.addEventListener("click", () => this.choose(index));
      return button;
    });
    group.replaceChildren(...buttons);
    group.hidden = sources.length < 2;
  }

  choose(index) {
    this.at = index;
    for (const [place, button] of [...this.find("sources").children].entries()) {
      button.setAttribute("aria-pressed", String(place === index));
    }
    this.describeSource();
    this.paint();
    this.keep();
  }

  describeSource() {
    const heat = this.heats[this.at];
    if (!heat) return;
    const without = heat.without.map((label) => gettext("Response %(label)s", { label })).join(", ");
    this.say(without ? gettext("Nothing is stored for %(responses)s.", { responses: without }) : "");
    for (const end of this.bar.querySelectorAll("[data-overlay-limit]")) end.textContent = String(heat.limit);
  }

  paint() {
    const slider = this.find("threshold");
    const heat = this.heats?.[this.at];
    if (heat) {
      heat.share = slider.valueAsNumber / 100;
      this.find("value").textContent = String(Number((heat.limit * heat.share).toPrecision(2)));
    }
    this.page.onPaint();
  }

  keep() {
    const seen = this.shown ? [...this.record.sources, this.at + 1] : this.record.sources;
    const sources = [...new Set(seen)].sort((a, b) => a - b);
    const record = { shown: true, threshold: this.find("threshold").valueAsNumber / 100, sources };
    if (JSON.stringify(record) === JSON.stringify(this.record)) return;
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
