import assert from "node:assert/strict";
import { test } from "node:test";

import { cutPieces, decodeSpans, heatClass, signed, visible } from "../../static/js/output/pieces.js";

test("spans come as gaps and lengths", () => {
  assert.deepEqual(decodeSpans([1, 2, 0, 3, 4, 0]), [
    { start: 1, end: 3 },
    { start: 3, end: 6 },
    { start: 10, end: 10 },
  ]);
});

test("colours step with the share of the limit, and near zero there is none", () => {
  assert.equal(heatClass(0.09, 1), "heat-0");
  assert.equal(heatClass(0.1, 1), "heat-p1");
  assert.equal(heatClass(-0.5, 1), "heat-n3");
  assert.equal(heatClass(7, 1), "heat-p5");
  assert.equal(heatClass(null, 1), "heat-unscored");
  assert.equal(heatClass(0.5, 1, 0.6), "heat-0");
});

const cut = (length, tokens, marks = []) =>
  cutPieces(
    length,
    tokens.map(([start, end]) => ({ start, end })),
    marks.map(([start, end, lane]) => ({ start, end, lane })),
  ).map(({ start, end, token, marks }) => [start, end, token, marks.map((mark) => mark.lane)]);

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
