// Run by `node --test tests/js`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { heldBack, Stages } from "../../static/js/annotate/stages.js";

const EMPTY = { choices: {}, spans: [] };

/** Fields that lack these questions, and a bar with its button. */
function pageOf(missing) {
  const fields = {
    waiting: [],
    missing: missing.map((question) => ({ question })),
    holdBack: (keys) => (fields.waiting = keys),
    waits: ({ question }) => fields.waiting.includes(question),
    goToMissing: () => (fields.went = fields.missing.find((one) => !fields.waits(one))?.question ?? null),
  };
  const button = { addEventListener: (_, listener) => (button.click = listener), focus: () => (button.hasFocus = true) };
  const bar = { querySelector: () => button, toggleAttribute: (_, value) => (bar.hidden = value), scrollIntoView: () => {} };
  return { fields, button, bar };
}

test("the second part waits, unless an earlier visit began or reached it", () => {
  assert.deepEqual(heldBack(["errors"], EMPTY), ["errors"]);
  assert.deepEqual(heldBack(["errors"], { choices: {}, spans: [{ type: "errors:factual" }] }), []);
  assert.deepEqual(heldBack(["overall"], { choices: { overall: { A: 3 } }, spans: [] }), []);
  assert.deepEqual(heldBack(["overall"], { choices: { overall: {} }, spans: [{ type: "errors:factual" }] }), ["overall"]);
});

test("going on leads to what the first part lacks, and opens the second once the server has taken note", async () => {
  const { fields, button, bar } = pageOf(["overall", "fix"]);
  const heard = [];
  const stages = new Stages(bar, ["fix", "errors"], fields, async () => heard.shift());
  stages.begin(EMPTY);
  assert.equal(bar.hidden, false);
  assert.ok(stages.holdsMark("errors:factual") && !stages.holdsMark("evidence:true"));
  stages.point();
  assert.ok(button.hasFocus);
  await stages.goOn();
  assert.deepEqual([fields.went, stages.isHeld, stages.isFinished], ["overall", true, false]);
  fields.missing = [{ question: "fix" }];
  heard.push(false, true);
  await stages.goOn();
  // Not saved: nothing opens, and it can be tried again.
  assert.deepEqual([stages.isHeld, stages.isFinished], [true, false]);
  const going = stages.goOn();
  // The draft that tells of it says so.
  assert.ok(stages.isFinished && stages.isHeld);
  await going;
  assert.deepEqual([fields.went, stages.isHeld, bar.hidden], ["fix", false, true]);
  assert.ok(!stages.holdsMark("errors:factual"));
});

test("without a study nothing waits", () => {
  const { fields } = pageOf(["overall"]);
  const stages = new Stages(null, [], fields, () => assert.fail());
  stages.begin(EMPTY);
  assert.ok(!stages.isHeld && !stages.holdsMark("errors:factual"));
});
