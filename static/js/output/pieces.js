// Cutting a text for painting, without a page: tokens and marks in UTF-16 offsets to pieces that need one look each.

import { gettext } from "../i18n.js";

// What HTML need not escape, in the order of ASCII.
const PRINTABLE = [...Array(95).keys()].map((at) => String.fromCharCode(32 + at)).filter((one) => !`"&'<>`.includes(one));

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Spans as the server packs them: length times two plus one for a gap before it, then the gap. */
export function unpackSpans(packed) {
  const numbers = numbersOf(packed);
  const spans = [];
  let at = 0;
  for (let i = 0; i < numbers.length; i += 1) {
    const length = Math.floor(numbers[i] / 2);
    const start = at + (numbers[i] % 2 ? numbers[(i += 1)] : 0);
    at = start + length;
    spans.push({ start, end: at });
  }
  return spans;
}

/** Values as the server packs them: two characters each, for sign, step above `base` and digits; null without one. */
export function unpackValues(packed, base) {
  const values = [];
  for (let i = 0; i < packed.length; i += 2) {
    const number = PRINTABLE.indexOf(packed[i]) * PRINTABLE.length + PRINTABLE.indexOf(packed[i + 1]);
    values.push(number === 0 ? null : valueOf(number - 1, base));
  }
  return values;
}

function valueOf(number, base) {
  const sign = number < 4000 ? "" : "-";
  return Number(`${sign}${number % 1000}e${(Math.floor(number / 1000) % 4) + base}`);
}

/** Numbers in base 32, the lowest digit first; 32 is added to every digit but the last. */
function numbersOf(packed) {
  const numbers = [];
  let number = 0;
  let unit = 1;
  for (const character of packed) {
    const digit = ALPHABET.indexOf(character);
    number += (digit % 32) * unit;
    unit *= 32;
    if (digit > 31) continue;
    numbers.push(number);
    [number, unit] = [0, 1];
  }
  return numbers;
}

/** How a value looks: five steps on each side of zero, nothing near zero or below `threshold`, a look of its own
 *  without a value. The end of a class's name: heat-p3, track-a-n1. */
export function look(value, limit, threshold = 0) {
  if (value === null) return "unscored";
  const size = Math.abs(value);
  const step = size < threshold ? 0 : Math.min(5, Math.round((size / limit) * 5));
  if (step === 0) return "0";
  return value < 0 ? `n${step}` : `p${step}`;
}

/**
 * Cut at every boundary. The tokens of one layer do not overlap each other; marks may. A token without characters is a
 * piece of its own. Gives {start, end, tokens, marks} in reading order: tokens has an index or -1 for each layer, marks
 * are from the outermost to the innermost, which is the one in lane 1.
 */
export function cutPieces(length, layers, marks) {
  const cuts = new Set([0, length]);
  for (const { start, end } of [...layers.flat(), ...marks]) cuts.add(start).add(end);
  const edges = [...cuts].sort((a, b) => a - b);
  const open = [...marks].sort((a, b) => b.lane - a.lane);
  const walks = layers.map((tokens) => new Walk(tokens));
  const pieces = [];
  for (const [i, start] of edges.entries()) {
    for (const walk of walks) walk.to(start);
    while (walks.some((walk) => walk.isEmptyAt(start))) {
      const tokens = walks.map((walk) => (walk.isEmptyAt(start) ? walk.take() : -1));
      for (const walk of walks) walk.to(start);
      pieces.push({ start, end: start, tokens, marks: [] });
    }
    if (i + 1 === edges.length) break;
    const end = edges[i + 1];
    const inMarks = open.filter((mark) => mark.start <= start && mark.end >= end);
    pieces.push({ start, end, tokens: walks.map((walk) => walk.around(start)), marks: inMarks });
  }
  return pieces;
}

/** The tokens of one layer, met from left to right. */
class Walk {
  constructor(tokens) {
    this.tokens = tokens;
    this.next = 0;
  }

  get token() {
    return this.tokens[this.next];
  }

  to(start) {
    while (this.token && this.token.end <= start && !this.isEmptyAt(start)) this.next += 1;
  }

  isEmptyAt(start) {
    return this.token?.start === start && this.token.end === start;
  }

  take() {
    this.next += 1;
    return this.next - 1;
  }

  around(start) {
    return this.token && this.token.start <= start ? this.next : -1;
  }
}

/** A value for reading: three digits, a true minus, always a sign. */
export function signed(value) {
  if (value === null) return gettext("unscored");
  if (value === 0) return "0";
  const text = String(Number(Math.abs(value).toPrecision(3)));
  return (value < 0 ? "\u2212" : "+") + text;
}

const LONGEST = 48;

/** White space and ends made visible, so that a token can be named; of a long text the beginning and the end. */
export function visible(text) {
  if (text === "") return gettext("no character");
  const letters = [...text];
  const half = LONGEST / 2;
  const cut = letters.length > LONGEST + 1 ? [...letters.slice(0, half), "\u2026", ...letters.slice(-half)] : letters;
  const shown = cut.join("").replaceAll("\r", "\u240d").replaceAll("\n", "\u21b5").replaceAll("\t", "\u21e5");
  return `\u201c${shown}\u201d`;
}
