// Positions between code points and UTF-16.

import assert from "node:assert/strict";
import { test } from "node:test";

import { TextOffsets } from "../../static/js/annotate/offsets.js";

test("plain text counts the same in both", () => {
  const offsets = new TextOffsets("plain");
  assert.equal(offsets.length, 5);
  assert.equal(offsets.toUtf16(3), 3);
  assert.equal(offsets.toCodePoints(3), 3);
});

test("an emoji is one code point and two code units", () => {
  // a=0, 😀=1 (units 1-2), b=2 (unit 3)
  const offsets = new TextOffsets("a😀b");
  assert.equal(offsets.length, 3);
  assert.deepEqual([0, 1, 2, 3].map((at) => offsets.toUtf16(at)), [0, 1, 3, 4]);
  assert.deepEqual([0, 1, 3, 4].map((at) => offsets.toCodePoints(at)), [0, 1, 2, 3]);
  assert.equal(offsets.slice(1, 2), "😀");
});

test("a unit inside a pair counts as before it", () => {
  assert.equal(new TextOffsets("a😀b").toCodePoints(2), 1);
});

test("a family joined by zero-width joiners keeps its seven code points", () => {
  // 4 people of 2 units each and 3 joiners: 7 code points, 11 units.
  const offsets = new TextOffsets("👩‍👩‍👧‍👦!");
  assert.equal(offsets.length, 8);
  assert.equal(offsets.toUtf16(7), 11);
  assert.equal(offsets.slice(7, 8), "!");
});

test("carriage returns and combining marks are counted one by one", () => {
  const offsets = new TextOffsets("a\r\ne\u0301");
  assert.equal(offsets.length, 5);
  assert.equal(offsets.slice(1, 3), "\r\n");
});

test("a lone surrogate is one of each", () => {
  const offsets = new TextOffsets("\ud83dx");
  assert.equal(offsets.length, 2);
  assert.equal(offsets.toUtf16(1), 1);
});

test("both directions undo each other on every boundary, as spreading the string shows", () => {
  const text = "שלום 👨‍👩‍👧 naïve 𝒳𝒴 e\u0301 日本語 🇫🇷🇩🇪\r\nend";
  const offsets = new TextOffsets(text);
  const characters = [...text];
  assert.equal(offsets.length, characters.length);
  let units = 0;
  for (let at = 0; at <= characters.length; at += 1) {
    assert.equal(offsets.toUtf16(at), units);
    assert.equal(offsets.toCodePoints(units), at);
    units += characters[at]?.length ?? 0;
  }
});

test("positions outside the text are refused", () => {
  const offsets = new TextOffsets("ab");
  for (const wrong of [-1, 3, 0.5]) {
    assert.throws(() => offsets.toUtf16(wrong), RangeError);
    assert.throws(() => offsets.toCodePoints(wrong), RangeError);
  }
});
