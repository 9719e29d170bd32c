// An order as data: a list of places, best first, each a list of labels; more than one share the place. Never changed in
// place, so that undo can keep every state.

/** Whether every label has a place. */
export function isWhole(order, labels) {
  return labels.every((label) => order.some((place) => place.includes(label)));
}

/** Put a label behind all others. */
export function append(order, label) {
  return [...without(order, label), [label]];
}

/** Take a label out. */
export function without(order, label) {
  return order.map((place) => place.filter((other) => other !== label)).filter((place) => place.length > 0);
}

/** Up (-1) or down (1) by one: out of a tie first, then past the neighbour. */
export function shift(order, label, by) {
  const at = placeOf(order, label);
  if (at < 0) return order;
  if (order[at].length > 1) return insert(without(order, label), label, by < 0 ? at : at + 1);
  const to = at + by;
  if (to < 0 || to >= order.length) return order;
  return insert(without(order, label), label, to);
}

/** Tie with the place above, or end the tie: the label then stands alone behind those it was tied with. */
export function toggleTie(order, label) {
  const at = placeOf(order, label);
  if (at < 0) return order;
  if (order[at].length > 1) return insert(without(order, label), label, at + 1);
  return at === 0 ? order : tieWith(order, label, order[at - 1][0]);
}

/** Share the place of another label. */
export function tieWith(order, label, other) {
  if (label === other || placeOf(order, other) < 0) return order;
  return without(order, label).map((place) => (place.includes(other) ? [...place, label].sort() : place));
}

/** Make it stand alone at a place, counted from 1 without it; one past the end puts it last. */
export function moveTo(order, label, place) {
  const rest = without(order, label);
  return insert(rest, label, Math.min(Math.max(place - 1, 0), rest.length));
}

/** Which place a label has, from 0; -1 where it has none. */
export function placeOf(order, label) {
  return order.findIndex((place) => place.includes(label));
}

function insert(order, label, at) {
  return [...order.slice(0, at), [label], ...order.slice(at)];
}
