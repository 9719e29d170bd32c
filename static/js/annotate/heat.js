// Token values as colours under the words: cut once per text, and given out by stretch, so that marks can wrap them.

import { cutPieces, look, signed, unpackSpans, unpackValues, visible } from "../output/pieces.js";

/** The pieces within [from, to) of a text, clipped to it. */
export function within(pieces, from, to) {
  return pieces
    .filter((piece) => piece.start < to && piece.end > from)
    .map((piece) => ({ ...piece, start: Math.max(piece.start, from), end: Math.min(piece.end, to) }));
}

/**
 * One output's messages cut for painting.
 *
 * @param block  {spans, values, base} as the server packs them, or null without any
 * @param texts  of the messages
 * @returns by message, [{start, end, value, words}] in UTF-16 offsets; value is undefined between tokens, null where
 *          unscored; words names the whole token, also where a mark cuts it. A token without characters has no place among words and is left out.
 */
export function cutBlock(block, texts) {
  const values = block ? unpackValues(block.values, block.base) : [];
  let first = 0;
  return texts.map((text, message) => {
    const tokens = block ? unpackSpans(block.spans[message] ?? "") : [];
    const pieces = cutPieces(text.length, [tokens], []);
    const at = first;
    first += tokens.length;
    return pieces
      .filter((piece) => piece.end > piece.start)
      .map(({ start, end, tokens: [token] }) => ({
        start,
        end,
        ...(token >= 0 && { value: values[at + token], words: visible(text.slice(start, end)) }),
      }));
  });
}

export class Heat {
  /**
   * @param data   {name, limit, outputs: {label: block}} as the server sent it
   * @param views  of views.js
   */
  constructor({ name, limit, outputs }, views) {
    this.name = name;
    this.limit = limit;
    this.without = Object.keys(outputs).filter((label) => outputs[label] === null);
    this.share = 0;
    this.pieces = new Map();
    for (const [label, block] of Object.entries(outputs)) {
      const own = views.filter((view) => view.output === label);
      const cut = cutBlock(block, own.map((view) => view.text));
      for (const [index, view] of own.entries()) this.pieces.set(view, cut[index]);
    }
  }

  /** The words of a stretch in code points, each under its value; `also` is said beside it on the pointer. */
  nodeOf(view, start, end, also = "") {
    const fragment = document.createDocumentFragment();
    for (const piece of within(this.pieces.get(view), view.offsets.toUtf16(start), view.offsets.toUtf16(end))) {
      fragment.append(this.pieceNode(view.text.slice(piece.start, piece.end), piece, also));
    }
    return fragment;
  }

  pieceNode(text, { value, words }, also) {
    if (value === undefined) return document.createTextNode(text);
    const span = document.createElement("span");
    span.className = `heat-${look(value, this.limit, this.share * this.limit)}`;
    span.dataset.value = signed(value);
    span.dataset.words = words;
    span.title = [`${this.name} ${signed(value)}`, also].filter(Boolean).join(" \u00b7 ");
    span.append(text);
    return span;
  }
}

/** A painted piece in words: its whole token and the value. */
export function sayPiece(span) {
  return `${span.dataset.words} ${span.dataset.value}`;
}
