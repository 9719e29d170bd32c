// The same cases as word_bounds in tests/rewards/test_text.py, plus what only the page needs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { exactBounds, wordAt, wordBounds } from "../../static/js/annotate/words.js";

/** The words that a selection of the first occurrence of `part` snaps to. */
function snapped(text, part) {
  const characters = [...text];
  const start = [...text.slice(0, text.indexOf(part))].length;
  const [from, to] = wordBounds(characters, start, start + [...part].length);
  return characters.slice(from, to).join("");
}

for (const [text, part, expected] of [
  ["the quick fox", "uic", "quick"],
  ["the quick fox", "ick f", "quick fox"],
  ["the quick fox", " quick ", "quick"],
  ["it isn't so", "isn", "isn't"],
  ["a well-known fact", "known", "well-known"],
  ["end. Next", "end", "end"],
  ["say 'yes' now", "yes", "yes"],
  ["caf\u0065\u0301 noir", "caf", "caf\u0065\u0301"],
  ["hi 👩‍👩‍👧‍👦 all", "👧", "👩‍👩‍👧‍👦"],
  ["ok 👍🏽 go", "👍", "👍🏽"],
  ["🇫🇷🇩🇪", "🇩🇪", "🇩🇪"],
  ["日本語", "本", "本"],
  ["שלום עולם", "לו", "שלום"],
  ["snake_case x", "case", "snake_case"],
]) {
  test(`“${part}” in “${text}” snaps to “${expected}”`, () => assert.equal(snapped(text, part), expected));
}

test("white space alone stays as it is", () => {
  assert.deepEqual(wordBounds([..."a  b"], 1, 3), [1, 3]);
});

test("an exact selection never cuts a visible character", () => {
  const family = [..."x👩‍👧y"];
  assert.deepEqual(exactBounds(family, 1, 2), [1, 4]);
  assert.deepEqual(exactBounds(family, 3, 4), [1, 4]);
  assert.deepEqual(exactBounds([..."a\r\nb"], 0, 2), [0, 3]);
  assert.deepEqual(exactBounds([..."a\r\nb"], 2, 4), [1, 4]);
  assert.deepEqual(exactBounds([..."plain"], 1, 3), [1, 3]);
});

test("the word under a finger", () => {
  const characters = [..."one two"];
  assert.deepEqual(wordAt(characters, 5), [4, 7]);
  assert.equal(wordAt(characters, 3), null);
  assert.deepEqual(wordAt(characters, 7), [4, 7]);
  assert.equal(wordAt([], 0), null);
});
