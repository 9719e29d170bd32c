// What a selection snaps to: words, the tokens that a model reads, or single visible characters. The choice is kept in
// this browser; Shift marks exactly what is selected, whatever is chosen. Mouse, touch and keyboard ask here alike.

import { exactBounds, wordAt, wordBounds } from "./words.js";

const KEPT_AS = "rubricate:snap";

/** Snap to whole tokens; beyond the tokens, and where one ends inside a visible character, to that character. */
export function tokenBounds(view, start, end) {
  const first = tokenAt(view.tokens, start);
  const last = tokenAt(view.tokens, end - 1);
  return exactBounds(view.characters, first ? Math.min(first.start, start) : start, last ? Math.max(last.end, end) : end);
}

/** The token that holds a position, in code points, or undefined; tokens are in order and do not overlap. */
export function tokenAt(tokens, position) {
  let [low, high] = [0, tokens.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tokens[middle].end <= position) low = middle + 1;
    else high = middle;
  }
  const found = tokens[low];
  return found && found.start <= position ? found : undefined;
}

const BOUNDS = {
  word: (view, start, end) => wordBounds(view.characters, start, end),
  token: tokenBounds,
  character: (view, start, end) => exactBounds(view.characters, start, end),
};

/** What is at a position by each choice, for a tap or the caret; null where there is nothing. */
const AT = {
  word: (view, position) => wordAt(view.characters, position),
  token: (view, position) => (position < view.characters.length ? tokenBounds(view, position, position + 1) : null),
  character: (view, position) =>
    position < view.characters.length ? exactBounds(view.characters, position, position + 1) : null,
};

export class Snap {
  /**
   * @param root   the page, which may offer the choice
   * @param views  of views.js
   */
  constructor(root, views, storage = window.localStorage) {
    Object.assign(this, { storage });
    const hasTokens = views.some((view) => view.tokens.length > 0);
    this.buttons = [...root.querySelectorAll("[data-snap]")].filter((button) => {
      button.hidden = button.dataset.snap === "token" && !hasTokens;
      return !button.hidden;
    });
    const kept = this.read();
    this.unit = this.buttons.some((button) => button.dataset.snap === kept) ? kept : "word";
    for (const button of this.buttons) button.addEventListener("click", () => this.choose(button.dataset.snap));
    this.render();
  }

  /** A selection as it is marked. A text without tokens snaps to words. */
  bounds(view, start, end, { exact = false } = {}) {
    return BOUNDS[exact ? "character" : this.unitOf(view)](view, start, end);
  }

  /** What a tap means, or null on white space between words. */
  at(view, position) {
    return AT[this.unitOf(view)](view, position);
  }

  /** What the caret means: steps by words end behind a word, and then that one is meant. */
  atCaret(view, position) {
    return this.at(view, position) ?? (this.unitOf(view) === "word" ? this.at(view, position - 1) : null);
  }

  unitOf(view) {
    return this.unit === "token" && view.tokens.length === 0 ? "word" : this.unit;
  }

  choose(unit) {
    this.unit = unit;
    try {
      this.storage.setItem(KEPT_AS, unit);
    } catch {
      // Storage is full or switched off: it holds for this page.
    }
    this.render();
  }

  render() {
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.snap === this.unit));
  }

  read() {
    try {
      return this.storage.getItem(KEPT_AS);
    } catch {
      return null;
    }
  }
}
