// Run by `node --test tests/js`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { TextOffsets } from "../../static/js/annotate/offsets.js";
import { meant } from "../../static/js/annotate/reports.js";

const view = { output: "B", message: 1, text: "One 🌍 world", offsets: new TextOffsets("One 🌍 world"), element: {} };
const spans = [{ id: "s1", output: "B", message: 1, start: 4, end: 5 }];

globalThis.window = { getSelection: () => ({ rangeCount: 0 }) };

test("the words meant are those of the selected mark, or else of what is being marked, in code points", () => {
  const pending = { view, start: 6, end: 11 };
  const marked = meant({ marking: { selected: "s1", pending }, state: { spans }, views: [view] });
  assert.deepEqual(marked, { output: "B", message: 1, start: 4, end: 5, quote: "🌍" });
  const begun = meant({ marking: { selected: null, pending }, state: { spans }, views: [view] });
  assert.deepEqual(begun, { output: "B", message: 1, start: 6, end: 11, quote: "world" });
});

test("where nothing is selected no words are meant, with marks and without", () => {
  assert.equal(meant({ marking: { selected: null, pending: null }, state: { spans }, views: [view] }), null);
  assert.equal(meant({ marking: null, state: { spans: [] }, views: [view] }), null);
});
