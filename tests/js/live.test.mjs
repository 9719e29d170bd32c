import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

const listeners = {};
const element = { dataset: { active: "true" } };
const asked = [];

mock.timers.enable({ apis: ["setInterval"] });
globalThis.document = {
  hidden: false,
  body: { addEventListener: (name, listener) => (listeners[name] = listener) },
  getElementById: () => element,
};
globalThis.window = { htmx: { trigger: (target, name) => asked.push(name) } };
await import("../../static/js/runs/live.js");

beforeEach(() => {
  element.dataset.active = "true";
  globalThis.document.hidden = false;
  asked.length = 0;
});

test("while no socket is open the page asks every two seconds", () => {
  mock.timers.tick(4000);
  assert.deepEqual(asked, ["run:poll", "run:poll"]);
});

test("with an open socket it does not ask, and it asks again when the socket closes", () => {
  listeners["htmx:wsOpen"]();
  mock.timers.tick(4000);
  assert.deepEqual(asked, []);
  listeners["htmx:wsClose"]();
  mock.timers.tick(2000);
  assert.deepEqual(asked, ["run:poll"]);
});

test("a run that is over is not asked about", () => {
  element.dataset.active = "false";
  mock.timers.tick(4000);
  assert.deepEqual(asked, []);
});

test("a page that nobody sees does not ask", () => {
  globalThis.document.hidden = true;
  mock.timers.tick(4000);
  assert.deepEqual(asked, []);
});
