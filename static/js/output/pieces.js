// Cutting a text for painting, without a page: tokens and marks in UTF-16 offsets to pieces that need one look each.

/** Spans as the server sends them: gap to the piece before and length, in turn. */
export function decodeSpans(flat) {
  const spans = [];
  let at = 0;
  for (let i = 0; i < flat.length; i += 2) {
    const start = at + flat[i];
    at = start + flat[i + 1];
    spans.push({ start, end: at });
  }
  return spans;
}

/** The class for a value: five steps on each side of zero, nothing near zero, hatched without a value. */
export function heatClass(value, limit, threshold = 0) {
  if (value === null) return "heat-unscored";
  const size = Math.abs(value);
  const step = size < threshold ? 0 : Math.min(5, Math.round((size / limit) * 5));
  if (step === 0) return "heat-0";
  return value < 0 ? `heat-n${step}` : `heat-p${step}`;
}

/**
 * Cut at every boundary. Tokens do not overlap each other; marks may. A token without characters is a piece of its own.
 * Gives {start, end, token, marks} in reading order: token is an index or -1, marks are from the outermost to the
 * innermost, which is the one in lane 1.
 */
export function cutPieces(length, tokens, marks) {
  const cuts = new Set([0, length]);
  for (const { start, end } of [...tokens, ...marks]) cuts.add(start).add(end);
  const edges = [...cuts].sort((a, b) => a - b);
  const open = [...marks].sort((a, b) => b.lane - a.lane);
  const pieces = [];
  let token = 0;
  for (let i = 0; i < edges.length; i += 1) {
    const start = edges[i];
    while (token < tokens.length && tokens[token].end <= start && !isEmptyAt(tokens[token], start)) token += 1;
    while (token < tokens.length && isEmptyAt(tokens[token], start)) {
      pieces.push({ start, end: start, token, marks: [] });
      token += 1;
    }
    if (i + 1 === edges.length) break;
    const end = edges[i + 1];
    const inToken = token < tokens.length && tokens[token].start <= start;
    const inMarks = open.filter((mark) => mark.start <= start && mark.end >= end);
    pieces.push({ start, end, token: inToken ? token : -1, marks: inMarks });
  }
  return pieces;
}

function isEmptyAt(token, at) {
  return token.start === token.end && token.start === at;
}

/** A value for reading: three digits, a true minus, always a sign. */
export function signed(value) {
  if (value === null) return "unscored";
  if (value === 0) return "0";
  const text = String(Number(Math.abs(value).toPrecision(3)));
  return (value < 0 ? "\u2212" : "+") + text;
}

/** White space and ends made visible, so that a token can be named. */
export function visible(text) {
  if (text === "") return "no character";
  const shown = text.replaceAll("\r", "\u240d").replaceAll("\n", "\u21b5").replaceAll("\t", "\u21e5");
  return `\u201c${shown}\u201d`;
}
