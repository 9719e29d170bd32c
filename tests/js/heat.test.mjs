import assert from "node:assert/strict";
import { test } from "node:test";

import { cutBlock, within } from "../../static/js/annotate/heat.js";
import { readShown } from "../../static/js/annotate/overlay.js";

// Lengths 3 and 2 with a gap of 1 between them: 3 * 2 is G; 2 * 2 + 1 is F, then the gap B. Values as in pieces.test.mjs:
// 0.5, -0.0123, 0 and none.
const block = { spans: ["GFB", "EE"], values: "Kvi% !  ", base: -6 };

test("the values of later messages go on where those of the first end, and between tokens there is none", () => {
  assert.deepEqual(cutBlock(block, ["abc de!", "fghi"]), [
    [
      { start: 0, end: 3, value: 0.5, words: "“abc”" },
      { start: 3, end: 4 },
      { start: 4, end: 6, value: -0.0123, words: "“de”" },
      { start: 6, end: 7 },
    ],
    [
      { start: 0, end: 2, value: 0, words: "“fg”" },
      { start: 2, end: 4, value: null, words: "“hi”" },
    ],
  ]);
});

test("pieces cover every character of a text once, also where nothing is stored", () => {
  assert.deepEqual(cutBlock(null, ["abc"]), [[{ start: 0, end: 3 }]]);
  const [first] = cutBlock(block, ["abc de!", "fghi"]);
  assert.equal(first.map(({ start, end }) => "abc de!".slice(start, end)).join(""), "abc de!");
});

test("a stretch clips the tokens that it cuts through, which keep their names", () => {
  const [first] = cutBlock(block, ["abc de!", "fghi"]);
  assert.deepEqual(within(first, 2, 5), [
    { start: 2, end: 3, value: 0.5, words: "“abc”" },
    { start: 3, end: 4 },
    { start: 4, end: 5, value: -0.0123, words: "“de”" },
  ]);
});

test("an answer without a word of it says that nothing was shown", () => {
  assert.deepEqual(readShown(undefined), { shown: false, threshold: 0, sources: [] });
  assert.deepEqual(readShown({ "@overlay": { shown: true, threshold: 0.25 } }), { shown: true, threshold: 0.25, sources: [] });
});
