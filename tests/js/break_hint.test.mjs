// Run by `node --test tests/js`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { BreakHint, REST_MS, WORK_MS } from "../../static/js/annotate/break_hint.js";

function setUp() {
  const values = new Map();
  const storage = { getItem: (key) => values.get(key) ?? null, setItem: (key, value) => values.set(key, value) };
  const hints = [];
  const clock = { ms: 1_000_000 };
  const open = () => new BreakHint(storage, { onHint: (minutes) => hints.push(minutes), now: () => clock.ms });
  /** Work on, an item a minute, each on a page of its own. */
  const work = (ms) => {
    for (const end = clock.ms + ms; clock.ms < end; clock.ms += 60_000) open().tick();
  };
  return { hints, clock, work };
}

test("after fifty minutes over many items it is said once", () => {
  const { hints, work } = setUp();
  work(WORK_MS);
  assert.deepEqual(hints, []);
  work(3 * WORK_MS);
  assert.deepEqual(hints, [50]);
});

test("a rest begins the time anew", () => {
  const { hints, clock, work } = setUp();
  work(WORK_MS);
  clock.ms += REST_MS + 1;
  work(WORK_MS);
  assert.deepEqual(hints, []);
  work(60_000 * 2);
  assert.deepEqual(hints, [50]);
});
