import assert from "node:assert/strict";
import { test } from "node:test";

import { Snap, tokenAt } from "../../static/js/annotate/snap.js";

const FAMILY = "👩‍👩‍👧";

/** A text with its tokens told by their words, which follow each other without gaps. */
function viewOf(...tokens) {
  let at = 0;
  const spans = tokens.map((words) => {
    const start = at;
    at += [...words].length;
    return { start, end: at };
  });
  return { characters: [...tokens.join("")], tokens: spans };
}

function snapTo(unit, view, offered = ["word", "token", "character"]) {
  const buttons = offered.map((name) => ({ dataset: { snap: name }, addEventListener() {}, setAttribute() {} }));
  const kept = { getItem: () => unit, setItem() {} };
  return new Snap({ querySelectorAll: () => buttons }, [view], kept);
}

const view = viewOf("un", "believ", "able", " news", ".");

test("a token is found by any position in it, and none beyond the last", () => {
  assert.deepEqual(tokenAt(view.tokens, 2), { start: 2, end: 8 });
  assert.deepEqual(tokenAt(view.tokens, 12), { start: 12, end: 17 });
  assert.equal(tokenAt(view.tokens, 18), undefined);
  assert.equal(tokenAt([{ start: 3, end: 5 }], 1), undefined);
});

test("the same selection is a word, its tokens, or just its characters", () => {
  assert.deepEqual(snapTo("word", view).bounds(view, 3, 9), [0, 12]);
  assert.deepEqual(snapTo("token", view).bounds(view, 3, 9), [2, 12]);
  assert.deepEqual(snapTo("character", view).bounds(view, 3, 9), [3, 9]);
});

test("Shift means exactly what is selected, whatever is chosen, and cuts no visible character", () => {
  const emoji = viewOf("a ", FAMILY);
  for (const unit of ["word", "token", "character"]) {
    assert.deepEqual(snapTo(unit, view).bounds(view, 3, 9, { exact: true }), [3, 9]);
    assert.deepEqual(snapTo(unit, emoji).bounds(emoji, 2, 3, { exact: true }), [2, 7]);
  }
});

test("a tap and the caret mean the unit that is chosen", () => {
  assert.deepEqual(["word", "token", "character"].map((unit) => snapTo(unit, view).at(view, 4)), [
    [0, 12],
    [2, 8],
    [4, 5],
  ]);
  // Behind the word that the caret has just left; white space alone is no word.
  assert.deepEqual(snapTo("word", view).atCaret(view, 12), [0, 12]);
  assert.deepEqual(snapTo("token", view).atCaret(view, 12), [12, 17]);
});

test("tokens are only for texts that have some: elsewhere words count, and a choice that is not offered is forgotten", () => {
  const bare = { characters: [..."two words"], tokens: [] };
  assert.deepEqual(snapTo("token", view).bounds(bare, 5, 6), [4, 9]);
  assert.equal(snapTo("token", bare).unit, "word");
});

test("a token that ends inside a visible character is widened to it", () => {
  // A byte-level tokenizer may cut a family of emoji in two.
  const cut = { characters: [...FAMILY], tokens: [{ start: 0, end: 2 }, { start: 2, end: 5 }] };
  assert.deepEqual(snapTo("token", cut).at(cut, 0), [0, 5]);
});
