// Spans as data: adding, editing, removing, and how overlapping ones are drawn.

import assert from "node:assert/strict";
import { test } from "node:test";

import { TextOffsets } from "../../static/js/annotate/offsets.js";
import { addSpan, editSpan, fromAnswer, lanesOf, removeSpan, segmentsOf, toAnswer, topSpanAt } from "../../static/js/annotate/spans.js";

const at = (start, end, type = "a") => ({ output: "A", message: 0, start, end, type });

function listOf(...places) {
  return places.reduce((spans, place) => addSpan(spans, place).spans, []);
}

test("a span gets an id and blank severity and comment", () => {
  const { spans, id } = addSpan([], at(0, 3));
  assert.deepEqual(spans, [{ ...at(0, 3), severity: "", comment: "", id }]);
});

test("the same place and type is not added twice, another type is", () => {
  const once = listOf(at(0, 3));
  assert.equal(addSpan(once, at(0, 3)).spans, once);
  assert.equal(addSpan(once, at(0, 3, "b")).spans.length, 2);
});

test("lists are never changed in place", () => {
  const before = Object.freeze(listOf(at(0, 3)));
  editSpan(before, 1, { type: "b" });
  removeSpan(before, 1);
  addSpan(before, at(4, 5));
  assert.deepEqual(before, listOf(at(0, 3)));
});

test("editing changes one span, removing takes one out", () => {
  const spans = listOf(at(0, 3), at(4, 6));
  assert.equal(editSpan(spans, 2, { severity: "major" })[1].severity, "major");
  assert.deepEqual(removeSpan(spans, 1).map((span) => span.id), [2]);
});

test("a click means the shortest of the spans there", () => {
  const spans = listOf(at(0, 10), at(2, 5));
  assert.equal(topSpanAt(spans, 3).end, 5);
  assert.equal(topSpanAt(spans, 7).end, 10);
  assert.equal(topSpanAt(spans, 10), null);
});

test("overlapping spans get lines of their own, others share the first", () => {
  // 0-4 and 2-6 overlap; 4-8 touches 0-4 but overlaps 2-6, so it may go back to line 1.
  const lanes = lanesOf(listOf(at(0, 4), at(2, 6), at(4, 8)));
  assert.deepEqual([...lanes.values()], [1, 2, 1]);
});

test("text is cut at every edge and nothing is lost", () => {
  const segments = segmentsOf(10, listOf(at(0, 4), at(2, 6)));
  assert.deepEqual(segments.map(({ start, end, covering }) => [start, end, covering.length]), [
    [0, 2, 1],
    [2, 4, 2],
    [4, 6, 1],
    [6, 10, 0],
  ]);
});

test("a span travels with its words, and comes back only where they still stand", () => {
  const view = { offsets: new TextOffsets("x 😀 y"), sha256: "hash" };
  const [span] = listOf(at(2, 3));
  const sent = toAnswer(span, view);
  assert.equal(sent.quote, "😀");
  assert.equal(sent.text_sha256, "hash");
  const viewOf = (output) => (output === "A" ? view : null);
  assert.deepEqual(fromAnswer([sent], viewOf).spans, [span]);
  const wrong = [{ ...sent, quote: "other" }, { ...sent, output: "Z" }, { ...sent, end: 99 }];
  assert.deepEqual(fromAnswer(wrong, viewOf), { spans: [], dropped: 3 });
});
