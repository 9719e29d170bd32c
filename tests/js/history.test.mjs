import assert from "node:assert/strict";
import { test } from "node:test";

import { History } from "../../static/js/annotate/history.js";

test("undo and redo walk through the states", () => {
  const history = new History("a");
  history.push("b");
  history.push("c");
  assert.ok(history.undo());
  assert.equal(history.state, "b");
  assert.ok(history.undo());
  assert.equal(history.state, "a");
  assert.ok(!history.undo());
  assert.ok(history.redo());
  assert.equal(history.state, "b");
});

test("a new step forgets what was undone", () => {
  const history = new History("a");
  history.push("b");
  history.undo();
  history.push("c");
  assert.ok(!history.canRedo);
});

test("typing into one field is one step", () => {
  const history = new History("");
  for (const text of ["h", "he", "hel"]) history.push(text, "comment:1");
  history.undo();
  assert.equal(history.state, "");
});
