// Run by `node --test tests/js`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { differences, inWords } from "../../static/js/annotate/versions.js";

const QUESTIONS = [{ key: "overall", kind: "rating", prompt: "How good?" }, { key: "order", kind: "ranking" }];
const quoteOf = (span) => "lovely words".slice(span.start, span.end);
const mark = (fields) => ({ output: "A", message: 0, start: 0, end: 6, type: "errors:factual", severity: "", ...fields });

test("only what was answered differently is told, whichever side lacks it", () => {
  const mine = { choices: { overall: { A: 2, B: 5 } }, spans: [] };
  const theirs = { choices: { overall: { A: 7, B: 5 }, order: { order: [["B"], ["A", "C"]] } }, spans: [] };
  assert.deepEqual(differences(mine, theirs, QUESTIONS, quoteOf), [
    { asked: "How good? (A)", mine: "2", theirs: "7" },
    { asked: "order (order)", mine: "–", theirs: "B > A = C" },
  ]);
});

test("a mark is told where one side lacks it or says another thing about it, by its words", () => {
  const mine = { choices: {}, spans: [mark({ severity: "minor" }), mark({ start: 7, end: 12 })] };
  const theirs = { choices: {}, spans: [mark({ severity: "major" }), mark({ start: 7, end: 12, id: 99 })] };
  assert.deepEqual(differences(mine, theirs, QUESTIONS, quoteOf), [
    { asked: "Mark “lovely”", mine: "factual · minor", theirs: "factual · major" },
  ]);
});

test("values stand in words: ticks, none of them, kinds of tie", () => {
  assert.deepEqual(["both_good", ["A", "C"], [], 0, undefined].map(inWords), ["both good", "A, C", "none", "0", "–"]);
});
