// What each kind of question asks, and when it is answered.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  answerOf,
  isEmpty,
  isSameAnswer,
  missingFrom,
  stateOf,
  withChoice,
  withConfidence,
  withMarks,
} from "../../static/js/annotate/answer.js";
import { markable, oncePerResponse } from "../../static/js/annotate/markable.js";
import { TextOffsets } from "../../static/js/annotate/offsets.js";
import { addSpan } from "../../static/js/annotate/spans.js";

const text = "Stop here please";
const view = { offsets: new TextOffsets(text), sha256: "h" };
const viewOf = () => view;
const labels = ["A", "B", "C"];
const place = (start, end) => ({ message: 0, start, end, quote: text.slice(start, end), text_sha256: "h" });

const checklist = {
  key: "rubric",
  kind: "checklist",
  required: true,
  evidence: true,
  criteria: [{ key: "true", text: "It is true" }, { key: "clear", text: "It is clear" }],
};
const ranking = { key: "ranking", kind: "ranking", required: true };
const picks = { key: "ends", kind: "best_worst", required: true };
const tick = { key: "good", kind: "tick", required: true };
const steps = { key: "steps", kind: "steps", required: true, mode: "first_error", cuts: { A: [[0], [1], [2]], B: [[0]], C: [] } };
const stop = { key: "stop", kind: "stop", required: true };
const edit = { key: "edit", kind: "edit", required: true, messages: {} };
const critique = { key: "said", kind: "critique", required: true, voices: ["user", "reviewer"] };
const spans = { key: "errors", kind: "spans", types: [{ key: "x", label: "X", colour: 1 }], severities: [], comments: true };

const stateFor = (...questions) => stateOf(null, questions, viewOf).state;
const missing = (state, ...questions) => missingFrom(state, questions, labels).map((entry) => entry.part);

test("a checklist asks every criterion of every response", () => {
  let state = stateFor(checklist);
  assert.equal(missing(state, checklist).length, 6);
  state = withChoice(state, checklist, "A/true", 1);
  state = withChoice(state, checklist, "A/clear", "na");
  assert.deepEqual(missing(state, checklist), ["B/true", "B/clear", "C/true", "C/clear"]);
});

test("a ranking is answered when every response has a place", () => {
  const begun = withChoice(stateFor(ranking), ranking, "order", [["A"], ["B"]]);
  assert.deepEqual(missing(begun, ranking), ["order"]);
  assert.deepEqual(missing(withChoice(begun, ranking, "order", [["A"], ["B", "C"]]), ranking), []);
});

test("an optional ranking may be left out, but not half done", () => {
  const optional = { ...ranking, required: false };
  assert.deepEqual(missing(stateFor(optional), optional), []);
  assert.deepEqual(missing(withChoice(stateFor(optional), optional, "order", [["A"]]), optional), ["order"]);
});

test("the best response is not the worst as well: the newer pick stands", () => {
  const best = withChoice(stateFor(picks), picks, "best", "A");
  const worst = withChoice(best, picks, "worst", "A");
  assert.deepEqual(worst.choices.ends, { worst: "A" });
  assert.deepEqual(missing(worst, picks), ["best"]);
});

test("that none is good is an answer; nothing ticked is none", () => {
  assert.deepEqual(missing(stateFor(tick), tick), ["good"]);
  assert.deepEqual(missing(withChoice(stateFor(tick), tick, "good", []), tick), []);
});

test("steps after the first error are not asked about, and lose their labels", () => {
  let state = stateFor(steps);
  assert.deepEqual(missing(state, steps), ["A/0", "A/1", "A/2", "B/0"]);
  state = withChoice(state, steps, "A/2", 1);
  state = withChoice(state, steps, "A/0", 1);
  state = withChoice(state, steps, "A/1", -1);
  assert.deepEqual(state.choices.steps, { "A/0": 1, "A/1": -1 });
  assert.deepEqual(missing(state, steps), ["B/0"]);
  const all = { ...steps, mode: "all" };
  assert.deepEqual(missing(state, all), ["A/2", "B/0"]);
});

test("a response is stopped at one place, or goes on", () => {
  const types = markable([stop]);
  let state = stateFor(stop);
  state = withChoice(state, stop, "A", "none");
  const first = addSpan(state.spans, { output: "A", message: 0, start: 0, end: 4, type: "stop:stop" }).spans;
  state = withMarks(state, [stop], oncePerResponse(state.spans, first, types));
  assert.deepEqual(state.choices.stop, {});
  const second = addSpan(state.spans, { output: "A", message: 0, start: 5, end: 9, type: "stop:stop" }).spans;
  state = withMarks(state, [stop], oncePerResponse(state.spans, second, types));
  assert.deepEqual(state.spans.map((span) => span.start), [5]);
  assert.deepEqual(missing(state, stop), ["B", "C"]);
  assert.deepEqual(answerOf(state, [stop], viewOf).stop, { A: place(5, 9) });
  state = withChoice(state, stop, "A", "none");
  assert.deepEqual(state.spans, []);
  assert.deepEqual(answerOf(state, [stop], viewOf).stop, { A: "none" });
});

test("a text of white space is no critique", () => {
  const state = withChoice(stateFor(critique), critique, "A/user", "  ");
  assert.equal(missing(state, critique).length, 6);
});

test("types of spans stand before places and evidence, whatever the order of the questions", () => {
  const keys = markable([checklist, stop, spans]).map((type) => type.key);
  assert.deepEqual(keys, ["errors:x", "stop:stop", "rubric:true", "rubric:clear"]);
});

test("answers of every kind come back as they were stored", () => {
  const questions = withConfidence([checklist, { ...ranking, confidence: true }, picks, tick, steps, stop, edit, critique, spans]);
  const mark = { ...place(0, 4), output: "A", severity: "", comment: "" };
  const answer = {
    rubric: { "A/true": 1, "B/true": "na", evidence: [{ ...mark, type: "clear" }] },
    ranking: { order: [["B"], ["A", "C"]] },
    ends: { best: "A", worst: "B" },
    good: { good: [] },
    steps: { "A/0": 1, "A/1": -1 },
    stop: { A: place(5, 9), B: "none" },
    edit: { A: "Other words" },
    said: { "A/user": "Fine" },
    errors: [{ ...mark, type: "x" }],
    confidence: { ranking: 2 },
  };
  const { state, dropped } = stateOf(answer, questions, viewOf);
  assert.equal(dropped, 0);
  assert.ok(isSameAnswer(answerOf(state, questions, viewOf), answer));
  assert.ok(!isEmpty(state));
});

test("how sure one is, is asked where the question was or must be answered", () => {
  const questions = withConfidence([{ ...tick, confidence: true, required: false }, { ...picks, confidence: true }]);
  const parts = (state) => missingFrom(state, questions, labels).filter((entry) => entry.question === "confidence").map((entry) => entry.part);
  let state = stateFor(...questions);
  assert.deepEqual(parts(state), ["ends"]);
  state = withChoice(state, questions[0], "good", ["A"]);
  assert.deepEqual(parts(state), ["good", "ends"]);
  state = withChoice(state, questions[2], "good", 3);
  assert.deepEqual(parts(state), ["ends"]);
});
