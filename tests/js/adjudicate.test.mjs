import assert from "node:assert/strict";
import { test } from "node:test";
import { isSaid, isSamePart, partOf, withPart } from "../../static/js/adjudicate/parts.js";

const spans = { key: "errors", kind: "spans" };
const checks = { key: "checks", kind: "checklist" };
const stars = { key: "stars", kind: "rating" };
const mark = (output, start, more = {}) => ({ output, message: 0, start, end: start + 5, type: "fact", severity: "", ...more });

test("a part of an answer is taken over and the others stay", () => {
  const answer = { stars: { A: 5, B: 2 }, errors: [mark("A", 0), mark("B", 3)] };
  assert.deepEqual(withPart(answer, stars, "B", 4).stars, { A: 5, B: 4 });
  assert.deepEqual(withPart(answer, stars, "B", null).stars, { A: 5 });
  const taken = withPart(answer, spans, "A", [mark("A", 9)]);
  assert.deepEqual(taken.errors, [mark("B", 3), mark("A", 9)]);
  assert.deepEqual(partOf(taken, spans, "A"), [mark("A", 9)]);
  assert.deepEqual(answer.errors, [mark("A", 0), mark("B", 3)]);
});

test("evidence is a part of each response, beside the verdicts", () => {
  const answer = { checks: { "A/true": 1, evidence: [mark("A", 0, { type: "true" }), mark("B", 0, { type: "true" })] } };
  const taken = withPart(answer, checks, "evidence/A", []);
  assert.deepEqual(taken.checks, { "A/true": 1, evidence: [mark("B", 0, { type: "true" })] });
  assert.deepEqual(partOf(taken, checks, "A/true"), 1);
});

test("spans are the same whatever was said about them, rankings only in their order", () => {
  assert.ok(isSamePart([mark("A", 0, { comment: "no" }), mark("A", 9)], [mark("A", 9), mark("A", 0)]));
  assert.ok(!isSamePart([mark("A", 0)], [mark("A", 0, { severity: "major" })]));
  assert.ok(isSamePart([["B", "A"], ["C"]], [["A", "B"], ["C"]]));
  assert.ok(!isSamePart([["A"], ["B"]], [["B"], ["A"]]));
  assert.ok(!isSamePart(null, []));
});

test("decisions on a model's spans are parts like others, and the same where they say and place the same", () => {
  const asked = { key: "@marks", kind: "proposals" };
  const answer = { "@marks": { 7: { decision: "accepted" } } };
  const taken = withPart(answer, asked, "8", { decision: "rejected" });
  assert.deepEqual(taken["@marks"], { 7: { decision: "accepted" }, 8: { decision: "rejected" } });
  assert.deepEqual(withPart(taken, asked, "7", null)["@marks"], { 8: { decision: "rejected" } });
  assert.ok(!isSamePart(partOf(taken, asked, "7"), partOf(taken, asked, "8")));
  const changed = { ...mark(undefined, 3), decision: "changed" };
  assert.ok(isSamePart(changed, { ...changed, comment: "no" }));
  assert.ok(!isSamePart(changed, { ...changed, start: 4 }));
  assert.deepEqual([null, [], [mark("A", 0)], { decision: "accepted" }].map(isSaid), [false, false, true, true]);
});
