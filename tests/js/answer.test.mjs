import assert from "node:assert/strict";
import { test } from "node:test";

import { answerOf, isEmpty, isSameAnswer, missingFrom, stateOf, withChoice } from "../../static/js/annotate/answer.js";
import { TextOffsets } from "../../static/js/annotate/offsets.js";

const questions = [
  { key: "overall", kind: "rating", required: true },
  { key: "preference", kind: "comparison", required: true, pairs: [{ name: "A-B" }] },
  { key: "errors", kind: "spans" },
];
const view = { offsets: new TextOffsets("some text"), sha256: "h" };
const viewOf = () => view;

test("nothing answered: everything required is missing, in order", () => {
  const { state } = stateOf(null, questions, viewOf);
  assert.ok(isEmpty(state));
  assert.deepEqual(missingFrom(state, questions, ["A", "B"]), [
    { question: "overall", part: "A" },
    { question: "overall", part: "B" },
    { question: "preference", part: "A-B" },
  ]);
});

test("a stored answer comes back as it was", () => {
  const answer = {
    overall: { A: 5, B: "na" },
    preference: { "A-B": "both_bad" },
    errors: [
      { output: "A", message: 0, start: 0, end: 4, quote: "some", text_sha256: "h", type: "x", severity: "", comment: "" },
    ],
  };
  const { state, dropped } = stateOf(answer, questions, viewOf);
  assert.equal(dropped, 0);
  assert.ok(isSameAnswer(answerOf(state, questions, viewOf), answer));
  assert.deepEqual(missingFrom(state, questions, ["A", "B"]), []);
});

test("a choice is made and taken back without touching the old state", () => {
  const { state } = stateOf(null, questions, viewOf);
  const chosen = withChoice(state, "overall", "A", 3);
  assert.equal(chosen.choices.overall.A, 3);
  assert.ok(isEmpty(state));
  assert.ok(isEmpty(withChoice(chosen, "overall", "A", null)));
});

test("the order of keys makes no difference between answers", () => {
  assert.ok(isSameAnswer({ a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ d: 3, c: 2 }], a: 1 }));
  assert.ok(!isSameAnswer({ a: 1 }, { a: 2 }));
});
