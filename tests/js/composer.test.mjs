import assert from "node:assert/strict";
import { test } from "node:test";

import { asksOn, isUndoKey, keepOpen } from "../../static/js/composer/keeping.js";
import { rounded } from "../../static/js/composer/sliders.js";

const press = (key, target = {}, more = {}) => isUndoKey({ key, ctrlKey: true, target, ...more });

test("undo and redo have the keys that people know", () => {
  assert.equal(press("z"), "undo");
  assert.equal(press("Z", {}, { shiftKey: true }), "redo");
  assert.equal(press("y"), "redo");
  assert.equal(press("z", {}, { ctrlKey: false }), null);
  assert.equal(press("z", {}, { ctrlKey: false, metaKey: true }), "undo");
  assert.equal(press("z", {}, { altKey: true }), null);
});

test("a field that undoes its own typing keeps the keys", () => {
  assert.equal(press("z", { tagName: "TEXTAREA" }), null);
  assert.equal(press("z", { tagName: "INPUT", type: "number" }), null);
  assert.equal(press("z", { tagName: "INPUT", type: "range" }), "undo");
  assert.equal(press("z", { tagName: "SELECT" }), "undo");
});

test("a slider's number is as short as its step is exact", () => {
  assert.equal(rounded(0.1 + 0.2, 0.02), "0.3");
  assert.equal(rounded(0.30000000000000004, 1e-5), "0.3");
  assert.equal(rounded(3, 1), "3");
  assert.equal(rounded(-1.2345, 0.01), "-1.234");
  assert.equal(rounded(1.5, 0.25), "1.5");
});

test("what was open or closed is so again in what comes instead", () => {
  const parts = [
    { id: "a", open: true },
    { id: "b", open: false },
  ];
  const kept = keepOpen();
  kept.note({ querySelectorAll: () => parts });
  const fresh = { a: { open: false }, b: { open: true }, c: { open: true } };
  kept.apply({ getElementById: (id) => fresh[id] ?? null });
  assert.deepEqual([fresh.a.open, fresh.b.open, fresh.c.open], [true, false, true]);
});

test("an edit asks the server once", () => {
  const field = (tagName, type, isQuiet = false) => ({ tagName, type, closest: () => isQuiet || null });
  assert.equal(asksOn(field("INPUT", "number")), "input");
  assert.equal(asksOn(field("INPUT", "range")), "input");
  assert.equal(asksOn(field("SELECT", "select-one")), "change");
  assert.equal(asksOn(field("INPUT", "checkbox")), "change");
  assert.equal(asksOn(field("TEXTAREA", "textarea", true)), null);
});
