import assert from "node:assert/strict";
import { test } from "node:test";

import { cutPieces, look, signed, unpackSpans, unpackValues, visible } from "../../static/js/output/pieces.js";

test("spans come as lengths with a flag for a gap before them", () => {
  // 3 * 2 is G; 0 * 2 + 1 is B and the gap of 2 C; 200 * 2 = 400 = 16 + 12 * 32 is digit 16 + 32, w, and digit 12, M.
  assert.deepEqual(unpackSpans("GBCwM"), [
    { start: 0, end: 3 },
    { start: 5, end: 5 },
    { start: 5, end: 205 },
  ]);
});

test("values come as sign, step and three digits in two characters", () => {
  // As in the server's test: base -6, so that 0.5 is 500e-3.
  assert.deepEqual(unpackValues("Kvi% !  ", -6), [0.5, -0.0123, 0, null]);
});

test("looks step with the share of the limit, and near zero there is none", () => {
  assert.equal(look(0.09, 1), "0");
  assert.equal(look(0.1, 1), "p1");
  assert.equal(look(-0.5, 1), "n3");
  assert.equal(look(7, 1), "p5");
  assert.equal(look(null, 1), "unscored");
  assert.equal(look(0.5, 1, 0.6), "0");
});

const spans = (pairs) => pairs.map(([start, end]) => ({ start, end }));
const cut = (length, tokens, marks = []) =>
  cutPieces(
    length,
    [spans(tokens)],
    marks.map(([start, end, lane]) => ({ start, end, lane })),
  ).map(({ start, end, tokens: [token], marks }) => [start, end, token, marks.map((mark) => mark.lane)]);

test("layers that are cut differently share pieces", () => {
  const pieces = cutPieces(6, [spans([[0, 4], [4, 6]]), spans([[1, 6], [6, 6]])], []);
  assert.deepEqual(
    pieces.map(({ start, end, tokens }) => [start, end, tokens]),
    [
      [0, 1, [0, -1]],
      [1, 4, [0, 0]],
      [4, 6, [1, 0]],
      [6, 6, [-1, 1]],
    ],
  );
});

test("the ends of two layers are one piece", () => {
  const pieces = cutPieces(1, [spans([[0, 1], [1, 1]]), spans([[0, 1], [1, 1]])], []);
  assert.deepEqual(pieces.map(({ tokens }) => tokens), [[0, 0], [1, 1]]);
});

test("text outside every token keeps its place", () => {
  assert.deepEqual(cut(6, [[1, 3], [4, 6]]), [
    [0, 1, -1, []],
    [1, 3, 0, []],
    [3, 4, -1, []],
    [4, 6, 1, []],
  ]);
});

test("a mark cuts a token in two and lies around both pieces' neighbours", () => {
  assert.deepEqual(cut(4, [[0, 4]], [[1, 3, 1]]), [
    [0, 1, 0, []],
    [1, 3, 0, [1]],
    [3, 4, 0, []],
  ]);
});

test("marks that overlap nest with the first lane innermost", () => {
  assert.deepEqual(cut(4, [], [[0, 3, 1], [1, 4, 2]]), [
    [0, 1, -1, [1]],
    [1, 3, -1, [2, 1]],
    [3, 4, -1, [2]],
  ]);
});

test("the end of the sequence is a piece of its own, even in an empty text", () => {
  assert.deepEqual(cut(2, [[0, 2], [2, 2]]), [
    [0, 2, 0, []],
    [2, 2, 1, []],
  ]);
  assert.deepEqual(cut(0, [[0, 0]]), [[0, 0, 0, []]]);
});

test("a token without characters between two others stands where it is", () => {
  assert.deepEqual(cut(2, [[0, 1], [1, 1], [1, 2]]), [
    [0, 1, 0, []],
    [1, 1, 1, []],
    [1, 2, 2, []],
  ]);
});

test("pieces put together are the whole text", () => {
  const pieces = cut(20, [[2, 5], [5, 9], [12, 20]], [[0, 7, 2], [3, 15, 1]]);
  assert.equal(pieces[0][0], 0);
  assert.equal(pieces.at(-1)[1], 20);
  for (let i = 1; i < pieces.length; i += 1) assert.equal(pieces[i][0], pieces[i - 1][1]);
});

test("numbers carry their sign, and nothing is not zero", () => {
  assert.equal(signed(0.12345), "+0.123");
  assert.equal(signed(-2), "\u22122");
  assert.equal(signed(0), "0");
  assert.equal(signed(null), "unscored");
});

test("white space can be seen when a token is named", () => {
  assert.equal(visible("a\r\n\t"), "\u201ca\u240d\u21b5\u21e5\u201d");
  assert.equal(visible(""), "no character");
});

test("of a long text the beginning and the end are named", () => {
  assert.equal(visible("a".repeat(49)), `\u201c${"a".repeat(49)}\u201d`);
  assert.equal(visible("a".repeat(50) + "b".repeat(50)), `\u201c${"a".repeat(24)}\u2026${"b".repeat(24)}\u201d`);
});
