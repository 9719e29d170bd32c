import assert from "node:assert/strict";
import { test } from "node:test";

import { answerOf, stateOf, withChoice } from "../../static/js/annotate/answer.js";
import { TextOffsets } from "../../static/js/annotate/offsets.js";
import { changedBy, decisionsOn, REVIEWS, reviewsAsked, spanOf } from "../../static/js/annotate/proposals.js";
import { inWords } from "../../static/js/annotate/versions.js";

const TEXT = "Paris is the capital.";
const view = { text: TEXT, sha256: "hash", offsets: new TextOffsets(TEXT) };
const viewOf = () => view;
const question = { kind: "spans", key: "errors", types: [{ key: "factual" }], severities: [], comments: true };
const mark = { id: 7, source: "Model", output: "A", message: 0, start: 0, end: 5, type: "factual", severity: "", comment: "" };
const questions = [question, reviewsAsked("What a model marked")];

test("a change says all that the span says now, with its words and their text", () => {
  const first = changedBy(mark, undefined, { type: "style" }, viewOf);
  assert.deepEqual(first, {
    decision: "changed",
    message: 0,
    start: 0,
    end: 5,
    type: "style",
    severity: "",
    comment: "",
    quote: "Paris",
    text_sha256: "hash",
  });
  const second = changedBy(mark, first, { start: 6, end: 8 }, viewOf);
  assert.deepEqual([second.type, second.quote], ["style", "is"]);
});

test("a span that is changed back to what the model said is accepted", () => {
  const changed = changedBy(mark, undefined, { comment: "No." }, viewOf);
  assert.deepEqual(changedBy(mark, changed, { comment: "" }, viewOf), { decision: "accepted" });
  // A change begins at the model's words also where the span was rejected before.
  assert.equal(changedBy(mark, { decision: "rejected" }, { type: "style" }, viewOf).quote, "Paris");
});

test("decisions are choices: they are sent, read back and undone like any, and none is no part of the answer", () => {
  const empty = stateOf({}, questions, viewOf).state;
  assert.deepEqual(answerOf(empty, questions, viewOf), { errors: [] });
  const decided = withChoice(empty, { key: REVIEWS }, "7", { decision: "accepted" });
  const sent = answerOf(decided, questions, viewOf);
  assert.deepEqual(sent, { errors: [], [REVIEWS]: { 7: { decision: "accepted" } } });
  assert.deepEqual(stateOf(sent, questions, viewOf).state, decided);
  assert.deepEqual(answerOf(withChoice(decided, { key: REVIEWS }, "7", null), questions, viewOf), { errors: [] });
});

test("a mark is drawn where the decision puts it, apart from own spans and under its model's number", () => {
  const drawn = spanOf(mark, changedBy(mark, undefined, { start: 6, end: 8 }, viewOf), question);
  assert.deepEqual([drawn.id, drawn.start, drawn.type, drawn.proposal.source], [-7, 6, "errors:factual", "Model"]);
  assert.deepEqual(spanOf(mark, { decision: "rejected" }, question).proposal.decision, "rejected");
});

test("what was decided on a mark that is gone is not said any more", () => {
  assert.deepEqual(decisionsOn([mark], { 7: { decision: "accepted" }, 8: { decision: "rejected" } }), {
    7: { decision: "accepted" },
  });
});

test("two versions of a decision are told apart in words", () => {
  assert.equal(inWords({ decision: "rejected" }), "rejected");
  assert.equal(inWords(changedBy(mark, undefined, { type: "style" }, viewOf)), "changed “Paris” style");
});
