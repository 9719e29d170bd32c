// How the responses stand where there is room: side by side, below each other, or with what differs between two of them
// above; and whether their texts scroll together. The choice is kept in this browser.

import { diffWords } from "./diff.js";

const KEPT_AS = "rubricate:responses";
const TAGS = { same: "span", gone: "del", new: "ins" };
const CLASSES = { gone: "diff-removed", new: "diff-added" };

/** How far down `to` has to stand to be as far through its text as `from` is. */
export function topBeside(from, to) {
  const room = from.scrollHeight - from.clientHeight;
  const share = room > 0 ? from.scrollTop / room : 0;
  return Math.round(share * Math.max(0, to.scrollHeight - to.clientHeight));
}

/** What was kept, as far as it can be used here. */
export function readKept(stored, modes) {
  let kept = {};
  try {
    kept = JSON.parse(stored ?? "{}") ?? {};
  } catch {
    // Not ours.
  }
  return { mode: modes.includes(kept.mode) ? kept.mode : modes[0], together: kept.together === true };
}

export class Arrangement {
  /**
   * @param root     the page
   * @param outputs  as the server sent them
   */
  constructor(root, outputs) {
    this.buttons = [...root.querySelectorAll("[data-arrange]")];
    if (this.buttons.length === 0) return;
    this.outputs = outputs;
    this.holder = root.querySelector("[data-responses]");
    this.texts = [...this.holder.querySelectorAll("[data-messages]")];
    this.panel = root.querySelector("[data-response-differences]");
    this.switch = root.querySelector("[data-scroll-together]");
    const modes = this.buttons.map((button) => button.dataset.arrange);
    this.chosen = readKept(this.stored(), modes);
    for (const button of this.buttons) {
      button.addEventListener("click", () => this.choose({ mode: button.dataset.arrange }));
    }
    this.switch.addEventListener("click", () => this.choose({ together: !this.chosen.together }));
    // By text, where we have put it ourselves: that is no scrolling of the person's.
    this.placed = new Map();
    for (const text of this.texts) text.addEventListener("scroll", () => this.follow(text), { passive: true });
    this.render();
  }

  choose(change) {
    this.chosen = { ...this.chosen, ...change };
    try {
      window.localStorage.setItem(KEPT_AS, JSON.stringify(this.chosen));
    } catch {
      // Storage is full or switched off: it holds for this page.
    }
    this.render();
  }

  render() {
    const { mode, together } = this.chosen;
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.arrange === mode));
    this.switch.setAttribute("aria-pressed", String(together));
    this.holder.classList.toggle("is-rows", mode === "rows");
    if (!this.panel) return;
    this.panel.hidden = mode !== "differences";
    if (!this.panel.hidden && !this.panel.hasChildNodes()) this.panel.append(...this.differences());
  }

  /** The two texts word by word, made when first asked for. */
  differences() {
    const [before, after] = this.outputs.map(({ messages }) => messages.map(({ text }) => text).join("\n\n"));
    return diffWords(before, after).map(({ kind, text }) => {
      const piece = document.createElement(TAGS[kind]);
      if (CLASSES[kind]) piece.className = CLASSES[kind];
      piece.textContent = text;
      return piece;
    });
  }

  follow(text) {
    if (!this.chosen.together || this.placed.get(text) === text.scrollTop) return;
    this.placed.clear();
    for (const other of this.texts.filter((one) => one !== text)) {
      other.scrollTop = topBeside(text, other);
      this.placed.set(other, other.scrollTop);
    }
  }

  stored() {
    try {
      return window.localStorage.getItem(KEPT_AS);
    } catch {
      return null;
    }
  }
}
