// Run by `node --test tests/js`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readKept, topBeside } from "../../static/js/annotate/arrangement.js";

const MODES = ["columns", "rows"];

test("a text stands as far through as the other one, whatever their lengths", () => {
  // A quarter of 400 above; of a room of 1,000 that is 250.
  const from = { scrollTop: 100, scrollHeight: 700, clientHeight: 300 };
  assert.equal(topBeside(from, { scrollHeight: 1300, clientHeight: 300 }), 250);
  assert.equal(topBeside(from, { scrollHeight: 200, clientHeight: 300 }), 0);
  assert.equal(topBeside({ scrollTop: 0, scrollHeight: 300, clientHeight: 300 }, from), 0);
});

test("what was kept is used where it can be, and nonsense is not", () => {
  assert.deepEqual(readKept('{"mode": "rows", "together": true}', MODES), { mode: "rows", together: true });
  for (const stored of [null, "null", "{", '{"mode": "differences", "together": 1}']) {
    assert.deepEqual(readKept(stored, MODES), { mode: "columns", together: false });
  }
});
