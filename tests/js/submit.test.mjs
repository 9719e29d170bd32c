import assert from "node:assert/strict";
import { test } from "node:test";

import { ActiveTime } from "../../static/js/annotate/active_time.js";
import { randomKey, Submitter } from "../../static/js/annotate/submit.js";

function setUp(replies) {
  const sent = [];
  let keys = 0;
  const submitter = new Submitter({
    send: async (body) => {
      sent.push(body);
      return replies.shift() ?? { kind: "ok" };
    },
    newKey: () => `key-${(keys += 1)}`,
  });
  return { submitter, sent };
}

test("a double click sends once", async () => {
  const { submitter, sent } = setUp([]);
  await Promise.all([submitter.submit({ a: 1 }, 10), submitter.submit({ a: 1 }, 11)]);
  assert.equal(sent.length, 1);
});

test("a retry after a timeout has the same key", async () => {
  const { submitter, sent } = setUp([{ kind: "offline" }]);
  await submitter.submit({ a: 1 }, 10);
  await submitter.submit({ a: 1 }, 20);
  assert.deepEqual(sent.map((body) => body.key), ["key-1", "key-1"]);
});

test("a changed answer has a new key", async () => {
  const { submitter, sent } = setUp([{ kind: "error" }]);
  await submitter.submit({ a: 1 }, 10);
  await submitter.submit({ a: 2 }, 20);
  assert.deepEqual(sent.map((body) => body.key), ["key-1", "key-2"]);
});

test("keys are long and differ", () => {
  assert.match(randomKey(), /^[0-9a-f]{32}$/);
  assert.notEqual(randomKey(), randomKey());
});

test("time counts while something happens, a minute at most between two signs of life", () => {
  let now = 0;
  const time = new ActiveTime(5000, () => now);
  time.tick();
  now = 10_000;
  time.tick();
  now = 500_000;
  assert.equal(time.milliseconds, 5000 + 10_000 + 60_000);
  time.pause();
  now = 900_000;
  assert.equal(time.milliseconds, 75_000);
});
