// Where words and visible characters begin and end. The rules of rewards/text.py (word_bounds), so that a span marked in
// the browser is the span that the server would have drawn. Everything counts code points.

const UNSPACED =
  /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}]/u;
const JOINERS = new Set(["'", "\u2019", "-", "\u2010", "\u2011", "\u00b7"]);
const ZERO_WIDTH_JOINER = "\u200d";

/** Snap a selection to whole words. White space at its ends is dropped first; one of white space alone stays as it is. */
export function wordBounds(characters, start, end) {
  const bare = trim(characters, start, end);
  if (bare === null) return [start, end];
  let [from, to] = bare;
  while (from > 0 && holdsTogether(characters, from)) from -= 1;
  while (to < characters.length && holdsTogether(characters, to)) to += 1;
  return [from, to];
}

/** Widen a selection so that it cuts no visible character: no emoji sequence, no accent, no CR LF in two. */
export function exactBounds(characters, start, end) {
  let [from, to] = [start, end];
  while (from > 0 && from < characters.length && isOneCharacter(characters, from)) from -= 1;
  while (to > 0 && to < characters.length && isOneCharacter(characters, to)) to += 1;
  return [from, to];
}

/** The word at a position, or null on white space. */
export function wordAt(characters, position) {
  const at = Math.min(position, characters.length - 1);
  if (at < 0 || isSpace(characters[at])) return null;
  return wordBounds(characters, at, at + 1);
}

function trim(characters, start, end) {
  let [from, to] = [start, end];
  while (from < to && isSpace(characters[from])) from += 1;
  while (to > from && isSpace(characters[to - 1])) to -= 1;
  return from === to ? null : [from, to];
}

function holdsTogether(characters, at) {
  const before = characters[at - 1];
  const after = characters[at];
  if (isOneCharacter(characters, at)) return true;
  if (JOINERS.has(before)) return at > 1 && isWord(baseBefore(characters, at - 1)) && isWord(after);
  if (JOINERS.has(after)) {
    return at + 1 < characters.length && isWord(baseBefore(characters, at)) && isWord(characters[at + 1]);
  }
  return isWord(after) && isWord(baseBefore(characters, at));
}

function isOneCharacter(characters, at) {
  const before = characters[at - 1];
  const after = characters[at];
  if (before === "\r" && after === "\n") return true;
  if (isExtension(after) || before === ZERO_WIDTH_JOINER) return true;
  return isRegional(before) && isRegional(after) && regionalRun(characters, at) % 2 === 1;
}

function baseBefore(characters, position) {
  let at = position - 1;
  while (at > 0 && isExtension(characters[at])) at -= 1;
  return characters[at];
}

function isWord(character) {
  return /[\p{L}\p{N}_]/u.test(character) && !UNSPACED.test(character);
}

function isSpace(character) {
  return /\s/u.test(character);
}

function isExtension(character) {
  return /[\p{M}\u200c\u200d\u{1f3fb}-\u{1f3ff}\u{e0020}-\u{e007f}]/u.test(character);
}

function isRegional(character) {
  return /[\u{1f1e6}-\u{1f1ff}]/u.test(character);
}

function regionalRun(characters, at) {
  let first = at;
  while (first > 0 && isRegional(characters[first - 1])) first -= 1;
  return at - first;
}
