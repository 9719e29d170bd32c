// The one place that converts positions. The database counts Unicode code points, the browser UTF-16 code units, the DOM
// nodes and offsets inside them. Text is never normalised: what stands in the page equals the stored text exactly.

/** Positions in one text. Cheap for text without surrogate pairs; built once per text. */
export class TextOffsets {
  constructor(text) {
    this.text = text;
    // UTF-16 index of the second half of every pair: how many lie before an index is how far the counts differ.
    this.lowHalves = [];
    for (let index = 0; index < text.length; index += 1) {
      if (isPairAt(text, index)) {
        index += 1;
        this.lowHalves.push(index);
      }
    }
    /** How many code points the text has. */
    this.length = text.length - this.lowHalves.length;
  }

  /** Code points before a UTF-16 index; an index inside a pair counts as before it. */
  toCodePoints(utf16) {
    checkRange(utf16, this.text.length, "UTF-16 code units");
    return utf16 - countUpTo(this.lowHalves, utf16);
  }

  /** The UTF-16 index of a code point. */
  toUtf16(codePoint) {
    checkRange(codePoint, this.length, "code points");
    let low = 0;
    let high = this.lowHalves.length;
    // The k-th pair starts at code point lowHalves[k] - 1 - k: it shifts everything after it by one.
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.lowHalves[middle] - 1 - middle < codePoint) low = middle + 1;
      else high = middle;
    }
    return codePoint + low;
  }

  /** The characters from one code point to another. */
  slice(start, end) {
    return this.text.slice(this.toUtf16(start), this.toUtf16(end));
  }
}

function isPairAt(text, index) {
  const unit = text.charCodeAt(index);
  if (unit < 0xd800 || unit > 0xdbff) return false;
  const next = text.charCodeAt(index + 1);
  return next >= 0xdc00 && next <= 0xdfff;
}

/** How many entries of a sorted list are at most `value`. */
function countUpTo(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function checkRange(value, length, unit) {
  if (!Number.isInteger(value) || value < 0 || value > length) {
    throw new RangeError(`offset ${value} lies outside the text: expected 0 to ${length} ${unit}`);
  }
}

/** The UTF-16 offset of a DOM point inside `root`, whose only text is the message; null if it lies outside. */
export function offsetOfPoint(root, node, offset) {
  if (!root.contains(node)) return null;
  const range = root.ownerDocument.createRange();
  range.selectNodeContents(root);
  range.setEnd(node, offset);
  return range.toString().length;
}

/** The DOM point at a UTF-16 offset of `root`'s text. */
export function pointAtOffset(root, offset) {
  const walker = root.ownerDocument.createTreeWalker(root, 4 /* NodeFilter.SHOW_TEXT */);
  let left = offset;
  let node = walker.nextNode();
  while (node) {
    const next = walker.nextNode();
    if (left <= node.data.length && !(left === node.data.length && next)) return { node, offset: left };
    if (!next) break;
    left -= node.data.length;
    node = next;
  }
  return node ? { node, offset: node.data.length } : { node: root, offset: 0 };
}

/** A DOM range over UTF-16 offsets of `root`'s text. */
export function rangeOf(root, start, end) {
  const range = root.ownerDocument.createRange();
  const from = pointAtOffset(root, start);
  const to = pointAtOffset(root, end);
  range.setStart(from.node, from.offset);
  range.setEnd(to.node, to.offset);
  return range;
}
