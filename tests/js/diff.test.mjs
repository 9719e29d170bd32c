// What an edit changed, and line breaks that a text field takes away.

import assert from "node:assert/strict";
import { test } from "node:test";

import { diffWords, fromField } from "../../static/js/annotate/diff.js";

const kinds = (pieces) => pieces.map(({ kind, text }) => [kind, text]);

test("one word is replaced and the rest stays", () => {
  assert.deepEqual(kinds(diffWords("a red house", "a blue house")), [
    ["same", "a "],
    ["gone", "red"],
    ["new", "blue"],
    ["same", " house"],
  ]);
});

test("equal texts have nothing that changed, and empty ones nothing at all", () => {
  assert.deepEqual(kinds(diffWords("as it was", "as it was")), [["same", "as it was"]]);
  assert.deepEqual(diffWords("", ""), []);
  assert.deepEqual(kinds(diffWords("", "new")), [["new", "new"]]);
});

test("both texts can be read out of the pieces", () => {
  const pairs = [
    ["the cat sat on the mat", "a cat sat upon the mat today"],
    ["one two three", "three two one"],
    ["line\none", "line\n\none 🌍"],
    ["gone entirely", ""],
    ["x ".repeat(3000), "y ".repeat(3000)],
  ];
  for (const [before, after] of pairs) {
    const pieces = diffWords(before, after);
    const read = (other) => pieces.filter((piece) => piece.kind !== other).map((piece) => piece.text).join("");
    assert.equal(read("new"), before);
    assert.equal(read("gone"), after);
  }
});

test("a field that was not changed gives the original, whatever its line breaks", () => {
  for (const original of ["a\r\nb", "a\rb", "a\nb\r\nc"]) {
    assert.equal(fromField(original.replace(/\r\n?/g, "\n"), original), original);
  }
});

test("line breaks come back where all of them were CR LF", () => {
  assert.equal(fromField("a\nbb", "a\r\nb"), "a\r\nbb");
  assert.equal(fromField("a\nbb\nc", "a\nb\r\nc"), "a\nbb\nc");
});
