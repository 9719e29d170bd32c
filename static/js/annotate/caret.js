// Caret mode: a focused text is walked with the arrow keys, Shift selects, Enter marks. The browser moves the selection
// (it knows lines, graphemes and right-to-left text); the caret itself has to be drawn, for the text is not editable.

import { offsetOfPoint, pointAtOffset } from "./offsets.js";
import { selectedStretch } from "./select.js";

const STEPS = {
  ArrowLeft: ["left", "character", "word"],
  ArrowRight: ["right", "character", "word"],
  ArrowUp: ["backward", "line", "line"],
  ArrowDown: ["forward", "line", "line"],
  Home: ["backward", "lineboundary", null],
  End: ["forward", "lineboundary", null],
};

export class CaretMode {
  /**
   * @param views     of views.js
   * @param snap      of snap.js
   * @param onMark    (view, start, end) => void: Enter
   * @param signal    of an AbortController: aborted when the texts are left
   */
  constructor(views, snap, { onMark, signal }) {
    Object.assign(this, { views, snap, onMark });
    this.caret = document.createElement("div");
    this.caret.className = "text-caret";
    this.caret.hidden = true;
    document.body.append(this.caret);
    for (const view of views) {
      view.element.addEventListener("keydown", (event) => this.pressed(event, view));
      view.element.addEventListener("focus", () => this.entered(view));
      view.element.addEventListener("blur", () => this.hide());
    }
    document.addEventListener("selectionchange", () => this.draw(), { signal });
    window.addEventListener("scroll", () => this.draw(), { capture: true, passive: true, signal });
    window.addEventListener("resize", () => this.draw(), { signal });
    signal?.addEventListener("abort", () => this.caret.remove());
  }

  /** What is selected in the focused text, or the word, token or character at the caret, in code points; null where there is nothing. */
  stretch({ exact = false } = {}) {
    const view = this.focused();
    if (!view) return null;
    const selection = window.getSelection();
    const selected = selectedStretch(view, selection);
    if (selected) return { view, bounds: this.snap.bounds(view, ...selected, { exact }) };
    const at = offsetOfPoint(view.element, selection.focusNode, selection.focusOffset);
    if (at === null) return null;
    const bounds = this.snap.atCaret(view, view.offsets.toCodePoints(at));
    return bounds && { view, bounds };
  }

  /** Whether the keyboard has selected more than nothing. */
  get hasSelection() {
    const view = this.focused();
    return Boolean(view && selectedStretch(view, window.getSelection()));
  }

  /** Put the caret at a code point: after a repaint the browser has lost it. */
  place(view, position) {
    const point = pointAtOffset(view.element, view.offsets.toUtf16(position));
    window.getSelection().collapse(point.node, point.offset);
    this.position = { view, position };
    this.draw();
  }

  focused() {
    return this.views.find((view) => view.element === document.activeElement);
  }

  entered(view) {
    if (!view.element.matches(":focus-visible")) return;
    this.place(view, this.position?.view === view ? this.position.position : 0);
  }

  pressed(event, view) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      const found = this.stretch({ exact: event.shiftKey });
      if (found) this.onMark(view, ...found.bounds);
      event.preventDefault();
      return;
    }
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    this.move(view, event, step);
  }

  move(view, event, [direction, unit, bigUnit]) {
    const selection = window.getSelection();
    if (!view.element.contains(selection.focusNode)) this.place(view, this.position?.position ?? 0);
    const before = [selection.anchorNode, selection.anchorOffset, selection.focusNode, selection.focusOffset];
    const isBig = event.ctrlKey || event.altKey;
    if (isBig && bigUnit === null) this.jump(view, event);
    else selection.modify(event.shiftKey ? "extend" : "move", direction, isBig ? bigUnit : unit);
    // The browser walks on into whatever follows; the caret stays in its text.
    const at = offsetOfPoint(view.element, selection.focusNode, selection.focusOffset);
    if (at === null) selection.setBaseAndExtent(...before);
    else this.position = { view, position: view.offsets.toCodePoints(at) };
    this.draw();
  }

  jump(view, event) {
    const point = pointAtOffset(view.element, event.key === "Home" ? 0 : view.text.length);
    const selection = window.getSelection();
    if (event.shiftKey) selection.extend(point.node, point.offset);
    else selection.collapse(point.node, point.offset);
  }

  draw() {
    const view = this.focused();
    const selection = window.getSelection();
    if (!view || !view.element.matches(":focus-visible") || !view.element.contains(selection.focusNode)) {
      this.hide();
      return;
    }
    const box = caretBox(selection);
    this.caret.hidden = !box;
    if (!box) return;
    this.caret.style.translate = `${box.x}px ${box.top}px`;
    this.caret.style.height = `${box.height}px`;
    if (box.top < 0 || box.bottom > window.innerHeight) selection.focusNode.parentElement.scrollIntoView({ block: "nearest" });
  }

  hide() {
    this.caret.hidden = true;
  }
}

/** The line on which the caret stands. An empty range has no box at some line ends: then its neighbour has one. */
function caretBox(selection) {
  const range = document.createRange();
  range.setStart(selection.focusNode, selection.focusOffset);
  range.collapse(true);
  let box = range.getClientRects()[0];
  if (box) return { x: box.left, top: box.top, bottom: box.bottom, height: box.height };
  const node = selection.focusNode;
  if (node.nodeType !== Node.TEXT_NODE || node.data.length === 0) return null;
  const at = selection.focusOffset;
  const isEnd = at >= node.data.length;
  range.setStart(node, isEnd ? at - 1 : at);
  range.setEnd(node, isEnd ? at : at + 1);
  box = [...range.getClientRects()].at(isEnd ? -1 : 0);
  return box ? { x: isEnd ? box.right : box.left, top: box.top, bottom: box.bottom, height: box.height } : null;
}
