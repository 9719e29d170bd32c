// The save queue, with a clock and a server that the test holds in its hands.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DraftKeeper, LocalDraft } from "../../static/js/annotate/drafts.js";

class Storage {
  constructor() {
    this.map = new Map();
  }
  get length() {
    return this.map.size;
  }
  key(index) {
    return [...this.map.keys()][index] ?? null;
  }
  getItem(key) {
    return this.map.get(key) ?? null;
  }
  setItem(key, value) {
    this.map.set(key, value);
  }
  removeItem(key) {
    this.map.delete(key);
  }
}

class Timers {
  setTimeout = (task, delay) => {
    this.task = task;
    this.delay = delay;
    return 1;
  };
  clearTimeout = () => {
    this.task = null;
  };
}

function setUp(replies) {
  const storage = new Storage();
  const timers = new Timers();
  const sent = [];
  const states = [];
  const keeper = new DraftKeeper({
    send: async (draft) => {
      sent.push(draft);
      return replies.shift()(draft);
    },
    store: new LocalDraft(storage, 7, "tab"),
    revision: 0,
    onState: (state) => states.push(state),
    timers,
  });
  return { keeper, storage, timers, sent, states };
}

const ok = ({ revision }) => ({ kind: "ok", data: { revision: revision + 1, saved_at: "2026-01-01T12:03:00Z" } });
const offline = () => ({ kind: "offline" });
const conflict = () => ({ kind: "error", code: "draft_conflict" });

test("a change is in the browser at once and on the server within a second", async () => {
  const { keeper, storage, timers, sent, states } = setUp([ok]);
  keeper.change({ a: 1 });
  assert.equal(storage.length, 1);
  assert.ok(timers.delay <= 1000);
  await timers.task();
  assert.deepEqual(sent, [{ answer: { a: 1 }, revision: 0 }]);
  assert.deepEqual(states, ["waiting", "saving", "saved"]);
  assert.equal(storage.length, 0);
  assert.equal(keeper.revision, 1);
});

test("what changes during a save goes out in the next one", async () => {
  let keeper;
  const setup = setUp([
    (draft) => {
      keeper.change({ a: 2 });
      return ok(draft);
    },
    ok,
  ]);
  keeper = setup.keeper;
  keeper.change({ a: 1 });
  await keeper.flush();
  assert.deepEqual(setup.sent.map((draft) => [draft.answer.a, draft.revision]), [
    [1, 0],
    [2, 1],
  ]);
  assert.equal(setup.storage.length, 0);
});

test("offline: the copy stays here and is tried again, later each time", async () => {
  const { keeper, storage, timers, states } = setUp([offline, offline, ok]);
  keeper.change({ a: 1 });
  await keeper.flush();
  assert.equal(timers.delay, 1000);
  assert.equal(storage.length, 1);
  await timers.task();
  assert.equal(timers.delay, 2000);
  await timers.task();
  assert.equal(states.at(-1), "saved");
  assert.equal(storage.length, 0);
});

test("what waits is counted until the server has it, and what was sent unheard is known again", async () => {
  const { keeper, timers, states } = setUp([offline, offline, ok]);
  const details = [];
  keeper.onState = (state, detail) => {
    states.push(state);
    details.push(detail.queued);
  };
  keeper.change({ a: 1 });
  await keeper.flush();
  keeper.change({ a: 2 });
  keeper.change({ a: 3 });
  await timers.task();
  assert.equal(states.at(-1), "offline");
  assert.equal(details.at(-1), 3);
  assert.deepEqual(keeper.unheard, [{ a: 1 }, { a: 3 }]);
  await timers.task();
  assert.equal(keeper.queued, 0);
  assert.deepEqual(keeper.unheard, []);
});

test("another window's draft is never overwritten without being asked", async () => {
  const { keeper, storage, sent, states } = setUp([conflict, ok]);
  keeper.change({ a: 1 });
  await keeper.flush();
  assert.equal(states.at(-1), "conflict");
  keeper.change({ a: 2 });
  assert.equal(sent.length, 1);
  assert.equal(storage.length, 1);
  await keeper.keepMine(5);
  assert.deepEqual(sent[1], { answer: { a: 2 }, revision: 5 });
  assert.equal(states.at(-1), "saved");
});

test("taking the other version leaves nothing of this one unsent", async () => {
  const { keeper, storage } = setUp([conflict]);
  keeper.change({ a: 1 });
  await keeper.flush();
  keeper.takeTheirs({ a: 9 }, 4);
  assert.equal(keeper.revision, 4);
  assert.equal(storage.length, 0);
  assert.ok(!keeper.isDirty);
});

test("a page that opens finds what an earlier one could not send", () => {
  const storage = new Storage();
  new LocalDraft(storage, 7, "old").write({ answer: { a: 1 }, revision: 2 });
  new LocalDraft(storage, 8, "old").write({ answer: { other: 1 }, revision: 0 });
  storage.setItem("rubricate:draft:7:broken", "{");
  const found = new LocalDraft(storage, 7, "new").takeLeftovers();
  assert.deepEqual(found.map((draft) => [draft.answer.a, draft.revision]), [[1, 2]]);
  assert.equal(storage.length, 1);
});

test("a browser without storage still saves on the server", async () => {
  const { keeper, states } = setUp([ok]);
  keeper.store.storage.setItem = () => {
    throw new Error("quota");
  };
  keeper.change({ a: 1 });
  await keeper.flush();
  assert.equal(states.at(-1), "saved");
});

test("while a submit is on its way nothing is sent, and afterwards it goes on", async () => {
  const { keeper, timers, sent } = setUp([ok]);
  keeper.change({ a: 1 });
  await keeper.hold();
  assert.equal(timers.task, null);
  await keeper.flush();
  assert.equal(sent.length, 0);
  keeper.resume();
  await timers.task();
  assert.equal(sent.length, 1);
});
