// Run by `node --test tests/js`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { firstLook, focusWideFormulas, Reading } from "../../static/js/annotate/reading.js";

/** A page with the switch of a campaign, and a browser's storage. */
function pageOf(campaign, { first, kept = {} }) {
  const buttons = ["rendered", "raw"].map((readAs) => ({
    dataset: { readAs },
    pressed: null,
    addEventListener(_, listener) {
      this.click = listener;
    },
    setAttribute(_, value) {
      this.pressed = value;
    },
  }));
  const note = { hidden: true };
  const holder = {
    dataset: { readingSwitch: campaign, first },
    querySelector: () => note,
    querySelectorAll: () => buttons,
  };
  globalThis.window = { localStorage: { getItem: (key) => kept[key] ?? null, setItem: (key, value) => (kept[key] = value) } };
  const root = { dataset: {}, querySelector: () => holder, querySelectorAll: () => [] };
  return { root, note, kept, rendered: buttons[0], raw: buttons[1] };
}

test("the look that was chosen is kept by campaign, and nonsense is not used", () => {
  const kept = {};
  const page = pageOf("7", { first: "rendered", kept });
  new Reading(page.root);
  assert.equal(page.root.dataset.reading, "rendered");
  page.raw.click();
  assert.deepEqual([page.root.dataset.reading, page.raw.pressed, page.rendered.pressed], ["raw", "true", "false"]);

  const again = pageOf("7", { first: "rendered", kept });
  new Reading(again.root);
  assert.equal(again.root.dataset.reading, "raw");
  const other = pageOf("8", { first: "rendered", kept });
  new Reading(other.root);
  assert.equal(other.root.dataset.reading, "rendered");
  assert.equal(firstLook("<b>", "raw"), "raw");
});

test("marking shows the raw text without forgetting what was chosen, and the note says when it is for reading only", () => {
  const page = pageOf("7", { first: "raw" });
  const reading = new Reading(page.root);
  page.rendered.click();
  assert.equal(page.note.hidden, false);
  reading.show("raw");
  assert.deepEqual([page.root.dataset.reading, page.note.hidden], ["raw", true]);
  assert.equal(page.kept["rubricate:reading:7"], "rendered");
});

test("a formula takes the focus only while it is wider than its box", () => {
  let resized;
  globalThis.ResizeObserver = class {
    constructor(listener) {
      resized = (box) => listener([{ target: box }]);
    }
    observe() {}
  };
  const attributes = {};
  const box = {
    scrollWidth: 500,
    clientWidth: 340,
    setAttribute: (name, value) => (attributes[name] = value),
    removeAttribute: (name) => delete attributes[name],
  };
  focusWideFormulas([box]);
  resized(box);
  assert.deepEqual(attributes, { tabindex: "0" });
  resized(Object.assign(box, { clientWidth: 600 }));
  assert.deepEqual(attributes, {});
  delete globalThis.ResizeObserver;
});
