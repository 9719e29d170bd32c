// From the item in work to the one before it, by key or button, without losing anything.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Lease } from "../../static/js/annotate/lease.js";
import { LookBack } from "../../static/js/annotate/look_back.js";
import { listen } from "../../static/js/annotate/shortcuts.js";

function page({ href = "/before/", saved = true, isBusy = false } = {}) {
  const log = [];
  const lookBack = new LookBack({
    link: () => href && { href },
    drafts: { flush: async () => (log.push("flush"), saved) },
    lease: { keep: () => log.push("keep") },
    notices: { show: (name) => log.push(`show ${name}`), hide: (name) => log.push(`hide ${name}`) },
    isBusy: () => isBusy,
    go: (address) => log.push(`go ${address}`),
  });
  return { lookBack, log };
}

test("the page is left once the draft is saved, and the item is kept", async () => {
  const { lookBack, log } = page();
  assert.equal(await lookBack.start(), true);
  assert.deepEqual(log, ["flush", "hide look-back", "keep", "go /before/"]);
});

test("what cannot be saved holds the page open and says so", async () => {
  const { lookBack, log } = page({ saved: false });
  assert.equal(await lookBack.start(), false);
  assert.deepEqual(log, ["flush", "show look-back"]);
});

test("nothing happens while a submit is on its way, or where there is nothing to look back at", async () => {
  const busy = page({ isBusy: true });
  assert.equal(await busy.lookBack.start(), false);
  const first = page({ href: null });
  assert.equal(first.lookBack.start(), false);
  assert.deepEqual([...busy.log, ...first.log], []);
});

test("an untouched item is given back when it is left, but not for a look back", () => {
  const heard = {};
  const on = (name, listener) => (heard[name] = listener);
  globalThis.window = { addEventListener: on };
  globalThis.document = { addEventListener: () => {}, visibilityState: "visible" };
  const posted = [];
  const lease = new Lease({ post: async (name) => (posted.push(name), { kind: "offline" }), activeMs: () => 0, isEmpty: () => true });
  clearInterval(lease.timer);
  lease.keep();
  heard.pagehide();
  assert.deepEqual(posted, []);
  // The browser shows the page as it was left: the item is in work again, and given back like any other.
  heard.pageshow({ persisted: true });
  heard.pagehide();
  assert.deepEqual(posted, ["heartbeat", "release"]);
});

test("an arrow key walks only where it does not move, choose or scroll by itself", () => {
  let press;
  globalThis.document = { addEventListener: (name, listener) => (press = listener), querySelector: () => null };
  const walked = [];
  listen({ ArrowLeft: () => walked.push("left"), x: () => walked.push("x") }, () => true);
  const key = (name, { inside = null, ...more } = {}) => {
    const target = { matches: () => false, closest: (selector) => selector.split(", ").includes(inside) };
    press({ key: name, target, preventDefault: () => {}, ...more });
  };
  for (const inside of ["fieldset", "[role=radiogroup]", ".text-view", "input", "[tabindex='0']"]) key("ArrowLeft", { inside });
  key("ArrowLeft", { altKey: true });
  key("ArrowLeft", { shiftKey: true });
  assert.deepEqual(walked, []);
  key("ArrowLeft");
  // Another key that was chosen for it is like any letter.
  key("x", { inside: "fieldset" });
  assert.deepEqual(walked, ["left", "x"]);
});
