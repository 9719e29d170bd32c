// Run by `node --test tests/js`.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { gettext, ngettext } from "../../static/js/i18n.js";

afterEach(() => {
  delete globalThis.django;
});

test("without a catalogue a text stands for itself, filled with what is known", () => {
  assert.equal(gettext("Not saved"), "Not saved");
  assert.equal(gettext("Saved %(time)s by %(who)s", { time: "12:03" }), "Saved 12:03 by %(who)s");
  assert.equal(ngettext("%(n)s mark", "%(n)s marks", 1), "1 mark");
  assert.equal(ngettext("%(n)s mark", "%(n)s marks", 0), "0 marks");
});

test("a catalogue translates before the places are filled, and chooses the plural form", () => {
  globalThis.django = {
    gettext: (text) => (text === "Saved %(time)s" ? "Gespeichert um %(time)s" : text),
    ngettext: (one, many, n) => (n === 1 ? "%(n)s Markierung" : "%(n)s Markierungen"),
  };
  assert.equal(gettext("Saved %(time)s", { time: "12:03" }), "Gespeichert um 12:03");
  assert.equal(gettext("Unknown %(time)s", { time: "12:03" }), "Unknown 12:03");
  assert.equal(ngettext("%(n)s mark", "%(n)s marks", 2), "2 Markierungen");
});

test("a value is put in as it is, whatever it looks like", () => {
  assert.equal(gettext("Mark “%(quote)s” %(n)s", { quote: "$& %(n)s", n: 3 }), "Mark “$& %(n)s” 3");
});
