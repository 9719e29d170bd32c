// Keys that a person chose in place of the default ones.

import assert from "node:assert/strict";
import { test } from "node:test";

import { remap } from "../../static/js/annotate/shortcuts.js";

const skip = () => "skip";
const prompt = () => "prompt";
const letter = () => "letter";

test("an action moves to the chosen key and its default key falls silent", () => {
  const moved = remap({ s: skip, p: prompt }, { s: "x" });
  assert.equal(moved.x, skip);
  assert.equal(moved.s, undefined);
  assert.equal(moved.p, prompt);
});

test("two actions may change places", () => {
  const moved = remap({ s: skip, p: prompt }, { s: "p", p: "s" });
  assert.deepEqual([moved.s, moved.p], [prompt, skip]);
});

test("what answers questions is left as it is, and so is the map that was given", () => {
  const actions = { s: skip, letter };
  const moved = remap(actions, { s: "x", unknown: "y" });
  assert.equal(moved.letter, letter);
  assert.equal(moved.y, undefined);
  assert.deepEqual(Object.keys(actions), ["s", "letter"]);
});
