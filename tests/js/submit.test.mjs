import assert from "node:assert/strict";
import { test } from "node:test";

import { ActiveTime, keepParts, partOf, readParts } from "../../static/js/annotate/active_time.js";
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
  const time = new ActiveTime(5000, {}, () => now);
  time.tick();
  now = 10_000;
  time.tick();
  now = 500_000;
  assert.equal(time.milliseconds, 5000 + 10_000 + 60_000);
  time.pause();
  now = 900_000;
  assert.equal(time.milliseconds, 75_000);
});

test("time belongs to the part that was last touched, and what no part had stays in the whole", () => {
  let now = 0;
  const time = new ActiveTime(0, {}, () => now);
  const touch = (at, part) => {
    now = at;
    time.tick(part);
  };
  touch(0, null);
  touch(1000, "prompt");
  touch(4000, "response:A");
  // Nowhere in particular: still reading.
  touch(6000, null);
  touch(7000, "question:overall");
  time.pause();
  now = 60_000;
  assert.deepEqual(time.parts, { prompt: 3000, "response:A": 3000 });
  assert.equal(time.milliseconds, 7000);
});

test("parts go on after a reload and are never longer than the whole", () => {
  const kept = new Map();
  const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  const item = { id: 3, outputs: [{ label: "A" }], questions: [{ key: "overall" }] };
  keepParts(storage, 3, { "response:A": 9000, "response:Z": 1, "question:overall": -5 });
  assert.deepEqual(readParts(storage, item), { "response:A": 9000 });
  assert.deepEqual(readParts(storage, { ...item, id: 4 }), {});
  // The server was told 8 of the 9 seconds.
  const time = new ActiveTime(8000, readParts(storage, item), () => 0);
  assert.deepEqual([time.milliseconds, time.parts], [9000, { "response:A": 9000 }]);
});

test("a question within a response is the question, and the bar belongs to no part", () => {
  const within = (...selectors) => ({
    closest: (selector) => selectors.find((one) => one.selector === selector) ?? null,
  });
  const response = { selector: "[data-response]", dataset: { response: "B" } };
  const question = { selector: "[data-question]", dataset: { question: "overall" } };
  assert.equal(partOf(within(response, question)), "question:overall");
  assert.equal(partOf(within(response)), "response:B");
  assert.equal(partOf(within({ selector: "#prompt" })), "prompt");
  assert.equal(partOf(within()), null);
  assert.equal(partOf(undefined), null);
});
