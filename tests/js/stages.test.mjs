// Run by `node --test tests/js`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { heldBack, passed, Stages } from "../../static/js/annotate/stages.js";

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
  assert.deepEqual(heldBack(["errors"], EMPTY, false), ["errors"]);
  assert.deepEqual(heldBack(["errors"], EMPTY, true), []);
  assert.deepEqual(heldBack(["errors"], { choices: {}, spans: [{ type: "errors:factual" }] }, false), []);
  assert.deepEqual(heldBack(["overall"], { choices: { overall: { A: 3 } }, spans: [] }, false), []);
  assert.deepEqual(heldBack(["overall"], { choices: { overall: {} }, spans: [{ type: "errors:factual" }] }, false), ["overall"]);
});

test("going on leads to what the first part lacks, and opens the second only when it lacks nothing", () => {
  const { fields, button, bar } = pageOf(["overall", "fix"]);
  const storage = new Map();
  const store = passed({ getItem: (key) => storage.get(key) ?? null, setItem: (key, value) => storage.set(key, value) }, 7);
  const stages = new Stages(bar, ["fix", "errors"], fields, store);
  stages.begin(EMPTY);
  assert.equal(bar.hidden, false);
  assert.ok(stages.holdsMark("errors:factual") && !stages.holdsMark("evidence:true"));
  stages.point();
  assert.ok(button.hasFocus);
  button.click();
  assert.deepEqual([fields.went, stages.isHeld], ["overall", true]);
  fields.missing = [{ question: "fix" }];
  button.click();
  assert.deepEqual([fields.went, stages.isHeld, bar.hidden], ["fix", false, true]);
  assert.ok(!stages.holdsMark("errors:factual"));
  // A reload of the same tab does not begin anew.
  assert.ok(store.get());
});

test("without a study nothing waits, and without storage the button is pressed again", () => {
  const { fields } = pageOf(["overall"]);
  const stages = new Stages(null, [], fields, passed({ getItem: () => assert.fail(), setItem: () => assert.fail() }, 7));
  stages.begin(EMPTY);
  assert.ok(!stages.isHeld && !stages.holdsMark("errors:factual"));
});
