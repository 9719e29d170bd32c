// Run by `node --test tests/js`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { nameOf, needsFocus } from "../../static/js/scrollable.js";

const box = (scrollWidth, clientWidth, found = {}, section = null) => ({
  scrollWidth,
  clientWidth,
  querySelector: (selector) => found[selector] ?? null,
  closest: () => section,
});
const CONTROLS = "a[href], button, input, select, textarea, summary";

test("only a box that is cut off, and that nothing inside lets the keyboard reach, needs the focus", () => {
  assert.equal(needsFocus(box(500, 300)), true);
  assert.equal(needsFocus(box(300, 300)), false);
  assert.equal(needsFocus(box(500, 300, { [CONTROLS]: {} })), false);
});

test("it is named by its caption, else by the heading above, and never left without a name", () => {
  const section = { querySelector: () => ({ textContent: " By rater " }) };
  assert.equal(nameOf(box(5, 3, { caption: { textContent: "Agreement" } }, section)), "Agreement");
  assert.equal(nameOf(box(5, 3, {}, section)), "By rater");
  assert.equal(nameOf(box(5, 3)), "Scrolls sideways");
});
