// Selecting text by mouse and by touch. What was selected is told in code points; it snaps to what snap.js says, unless
// Shift is held. A finger taps the first word, token or character and then the last; a mouse may click where a passage
// begins and Shift-click where it ends.

import { offsetOfPoint, pointAtOffset } from "./offsets.js";
import { exactBounds } from "./words.js";

export class PointerSelection {
  /**
   * @param views     of views.js
   * @param snap      of snap.js
   * @param onSelect  (view, start, end, {isTap}) => void
   * @param onClick   (view, position) => boolean: whether there was something to click on
   * @param onAway    () => void: a click that is on no text
   * @param signal    of an AbortController: aborted when the texts are left
   */
  constructor(views, snap, { onSelect, onClick, onAway, signal }) {
    Object.assign(this, { views, snap, onSelect, onClick, onAway });
    this.firstTap = null;
    this.anchor = null;
    document.addEventListener("pointerdown", (event) => this.pressed(event), { signal });
    document.addEventListener("pointerup", (event) => this.released(event), { signal });
    for (const view of views) view.element.addEventListener("click", (event) => this.tapped(event, view));
  }

  /** Forget the first of two taps or clicks. */
  reset() {
    this.firstTap = null;
    this.anchor = null;
  }

  pressed(event) {
    this.pressedIn = this.viewAt(event.target);
    // What is selected at the release is then what this press has selected: Shift would stretch an older selection to
    // here, and a press inside one would drag its words away.
    if (this.pressedIn && event.pointerType !== "touch" && event.button === 0) window.getSelection().removeAllRanges();
  }

  released(event) {
    if (event.pointerType === "touch" || event.button !== 0) return;
    if (!this.pressedIn) {
      if (!event.target.closest?.("[data-keeps-selection], dialog")) this.onAway();
      return;
    }
    this.read(this.pressedIn, event);
  }

  read(view, event) {
    const selection = window.getSelection();
    if (selection.isCollapsed) {
      this.clicked(view, event);
      return;
    }
    const stretch = selectedStretch(view, selection);
    if (!stretch) return;
    const [start, end] = this.snap.bounds(view, ...stretch, { exact: event.shiftKey });
    selection.removeAllRanges();
    if (start < end) this.onSelect(view, start, end, { isTap: false });
  }

  /** A click on a mark, at the beginning of a passage, or with Shift at its end. */
  clicked(view, event) {
    const position = positionAt(view, event.clientX, event.clientY);
    const anchor = event.shiftKey && this.anchor?.view === view ? this.anchor.position : null;
    if (anchor !== null && position !== null && anchor !== position) {
      const ends = [Math.min(anchor, position), Math.max(anchor, position) + 1];
      this.anchor = null;
      this.onSelect(view, ...this.snap.bounds(view, ...ends), { isTap: false });
      return;
    }
    if (position !== null && this.onClick(view, position)) return;
    this.onAway();
    if (position !== null) this.anchor = { view, position };
  }

  tapped(event, view) {
    if (event.pointerType !== "touch") return;
    const position = positionAt(view, event.clientX, event.clientY);
    const word = position === null ? null : this.snap.at(view, position);
    if (!word) {
      this.reset();
      this.onAway();
      return;
    }
    if (this.firstTap?.view === view) {
      const [start, end] = this.firstTap.word;
      this.firstTap = null;
      this.onSelect(view, Math.min(start, word[0]), Math.max(end, word[1]), { isTap: false });
    } else if (!this.onClick(view, position)) {
      this.firstTap = { view, word };
      this.onSelect(view, ...word, { isTap: true });
    }
  }

  viewAt(target) {
    return this.views.find((view) => view.element.contains(target));
  }
}

/** The part of the browser's selection that lies in a view, in code points; null if there is none. */
export function selectedStretch(view, selection) {
  if (selection.rangeCount === 0) return null;
  const range = selection.getRangeAt(0);
  if (!range.intersectsNode(view.element)) return null;
  const length = view.text.length;
  const from = offsetOfPoint(view.element, range.startContainer, range.startOffset) ?? 0;
  const to = offsetOfPoint(view.element, range.endContainer, range.endOffset) ?? length;
  if (from >= to) return null;
  return [view.offsets.toCodePoints(from), view.offsets.toCodePoints(to)];
}

/** The code point under a point of the screen, or null outside the text. */
function positionAt(view, x, y) {
  const caret = caretAt(x, y);
  if (!caret) return null;
  const offset = offsetOfPoint(view.element, caret.node, caret.offset);
  if (offset === null) return null;
  const position = view.offsets.toCodePoints(offset);
  // Browsers give the nearest gap between characters; the character meant is the one whose box holds the point.
  return position > 0 && !isOver(view, position, x, y) && isOver(view, position - 1, x, y) ? position - 1 : position;
}

function isOver(view, position, x, y) {
  if (position >= view.offsets.length) return false;
  const range = document.createRange();
  const [from, to] = exactBounds(view.characters, position, position + 1);
  const start = caretFor(view, from);
  const end = caretFor(view, to);
  range.setStart(start.node, start.offset);
  range.setEnd(end.node, end.offset);
  return [...range.getClientRects()].some(
    (box) => box.left <= x && x <= box.right && box.top <= y && y <= box.bottom,
  );
}

function caretFor(view, position) {
  return pointAtOffset(view.element, view.offsets.toUtf16(position));
}

function caretAt(x, y) {
  if (document.caretPositionFromPoint) {
    const caret = document.caretPositionFromPoint(x, y);
    return caret && { node: caret.offsetNode, offset: caret.offset };
  }
  const range = document.caretRangeFromPoint(x, y);
  return range && { node: range.startContainer, offset: range.startOffset };
}
