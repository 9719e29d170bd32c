// An order as data: every move by hand, and nothing is ever lost or doubled.

import assert from "node:assert/strict";
import { test } from "node:test";

import { append, isWhole, moveTo, placeOf, shift, tieWith, toggleTie, without } from "../../static/js/annotate/ranking.js";

const order = [["A"], ["B", "C"], ["D"]];

test("a response is put behind the others, once", () => {
  assert.deepEqual(append(append([], "B"), "A"), [["B"], ["A"]]);
  assert.deepEqual(append([["A"], ["B"]], "A"), [["B"], ["A"]]);
});

test("up and down leave a tie first, then pass the neighbour", () => {
  assert.deepEqual(shift(order, "C", -1), [["A"], ["C"], ["B"], ["D"]]);
  assert.deepEqual(shift(order, "C", 1), [["A"], ["B"], ["C"], ["D"]]);
  assert.deepEqual(shift(order, "D", -1), [["A"], ["D"], ["B", "C"]]);
  assert.deepEqual(shift(order, "A", 1), [["B", "C"], ["A"], ["D"]]);
});

test("the first cannot go up, the last not down, and what has no place does not move", () => {
  assert.equal(shift(order, "A", -1), order);
  assert.equal(shift(order, "D", 1), order);
  assert.equal(shift(order, "Z", 1), order);
});

test("a tie is made with the place above and ended below it", () => {
  assert.deepEqual(toggleTie(order, "D"), [["A"], ["B", "C", "D"]]);
  assert.deepEqual(toggleTie(order, "B"), [["A"], ["C"], ["B"], ["D"]]);
  assert.equal(toggleTie(order, "A"), order);
  assert.deepEqual(tieWith(order, "D", "A"), [["A", "D"], ["B", "C"]]);
  assert.equal(tieWith(order, "D", "D"), order);
});

test("a number moves to that place", () => {
  assert.deepEqual(moveTo(order, "D", 1), [["D"], ["A"], ["B", "C"]]);
  assert.deepEqual(moveTo(order, "A", 9), [["B", "C"], ["D"], ["A"]]);
  assert.deepEqual(moveTo(order, "B", 2), [["A"], ["B"], ["C"], ["D"]]);
});

test("one is taken out and the order is no longer whole", () => {
  assert.deepEqual(without(order, "A"), [["B", "C"], ["D"]]);
  assert.ok(isWhole(order, ["A", "B", "C", "D"]));
  assert.ok(!isWhole(without(order, "A"), ["A", "B", "C", "D"]));
  assert.equal(placeOf(order, "C"), 1);
});

test("no walk of moves loses, doubles or empties a place", () => {
  // A small linear congruential generator: the same walk on every run.
  let seed = 7;
  const next = (n) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % n;
  };
  const labels = ["A", "B", "C", "D"];
  let now = labels.map((label) => [label]);
  for (let step = 0; step < 2000; step += 1) {
    const label = labels[next(4)];
    const moves = [
      () => shift(now, label, next(2) ? 1 : -1),
      () => toggleTie(now, label),
      () => tieWith(now, label, labels[next(4)]),
      () => moveTo(now, label, next(6)),
      () => append(now, label),
    ];
    const before = JSON.stringify(now);
    const after = moves[next(moves.length)]();
    assert.equal(JSON.stringify(now), before, "an order is never changed in place");
    assert.deepEqual(after.flat().sort(), labels);
    assert.ok(after.every((place) => place.length > 0));
    now = after;
  }
});
