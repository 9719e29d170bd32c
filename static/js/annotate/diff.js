// What an edit changed, word by word: [{kind: "same" | "gone" | "new", text}], in reading order, what went before what came.

const WORDS = /\s+|[^\s]+/gu;
const MOST_CELLS = 4_000_000;

/** Compare two texts. The same ends are set aside first; what is left is compared word by word if it is not too much. */
export function diffWords(before, after) {
  const [left, right] = [before.match(WORDS) ?? [], after.match(WORDS) ?? []];
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start += 1;
  let end = 0;
  while (
    end < left.length - start &&
    end < right.length - start &&
    left[left.length - 1 - end] === right[right.length - 1 - end]
  ) {
    end += 1;
  }
  const middle = changes(left.slice(start, left.length - end), right.slice(start, right.length - end));
  const same = (words) => words.map((text) => ({ kind: "same", text }));
  return joined([...same(left.slice(0, start)), ...middle, ...same(left.slice(left.length - end))]);
}

function changes(left, right) {
  if (left.length * right.length > MOST_CELLS) {
    return [...left.map((text) => ({ kind: "gone", text })), ...right.map((text) => ({ kind: "new", text }))];
  }
  const lengths = commonLengths(left, right);
  const found = [];
  let [i, j] = [0, 0];
  while (i < left.length && j < right.length) {
    if (left[i] === right[j]) {
      found.push({ kind: "same", text: left[i] });
      i += 1;
      j += 1;
    } else if (lengths[i + 1][j] >= lengths[i][j + 1]) {
      found.push({ kind: "gone", text: left[i] });
      i += 1;
    } else {
      found.push({ kind: "new", text: right[j] });
      j += 1;
    }
  }
  for (; i < left.length; i += 1) found.push({ kind: "gone", text: left[i] });
  for (; j < right.length; j += 1) found.push({ kind: "new", text: right[j] });
  return found;
}

/** lengths[i][j]: how many words the longest common subsequence of left[i..] and right[j..] has. */
function commonLengths(left, right) {
  const lengths = Array.from({ length: left.length + 1 }, () => new Uint32Array(right.length + 1));
  for (let i = left.length - 1; i >= 0; i -= 1) {
    for (let j = right.length - 1; j >= 0; j -= 1) {
      lengths[i][j] =
        left[i] === right[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  return lengths;
}

/** Neighbours of one kind as one piece; inside a run of changes what went stands before what came. */
function joined(pieces) {
  const found = [];
  let gone = "";
  let fresh = "";
  const flush = () => {
    if (gone) found.push({ kind: "gone", text: gone });
    if (fresh) found.push({ kind: "new", text: fresh });
    gone = fresh = "";
  };
  for (const { kind, text } of pieces) {
    if (kind === "gone") gone += text;
    else if (kind === "new") fresh += text;
    else {
      flush();
      const last = found.at(-1);
      if (last?.kind === "same") last.text += text;
      else found.push({ kind, text });
    }
  }
  flush();
  return found;
}

/**
 * What stands in a text field as the text it stands for: a field turns every line break into LF, so those of the original
 * are put back where all of them were CR LF. A field that was not changed gives the original exactly.
 */
export function fromField(value, original) {
  if (value === original.replace(/\r\n?/g, "\n")) return original;
  const hasOnlyCrLf = original.includes("\r\n") && !/\r(?!\n)|(?<!\r)\n/.test(original);
  return hasOnlyCrLf ? value.replaceAll("\n", "\r\n") : value;
}
