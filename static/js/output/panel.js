// One output: its text painted with signals and marks, and what is said about the piece under the pointer or the focus.

import { gettext } from "../i18n.js";
import { cutPieces, look, signed, unpackSpans, unpackValues, visible } from "./pieces.js";

const painted = new WeakMap();

// Segments longer than this on average are steps or sentences: each then carries its number in front.
const TOKEN_CHARACTERS = 16;

// The first layer colours the text itself; the others lie in lanes under its lines.
const LOOKS = ["heat", "track-a", "track-b"];

const MOST_NAMED = 3;

export function panelOf(node) {
  return painted.get(node?.closest?.("[data-panel]"));
}

export class Panel {
  constructor(element) {
    this.element = element;
    const { layers, marks } = JSON.parse(element.dataset.paint);
    this.layers = layers.map((layer) => layer && { ...layer, values: unpackValues(layer.values, layer.base) });
    /** The layer whose tokens the arrow keys go through: the first that this output has. */
    this.base = this.layers.findIndex(Boolean);
    this.names = [...element.querySelectorAll("[data-layer-name]")].map((name) => name.textContent);
    this.marks = marks;
    this.models = new Set([...element.querySelectorAll("[data-mark][data-model]")].map((row) => row.dataset.mark));
    this.readout = element.querySelector("[data-readout]");
    this.texts = [];
    this.nodes = (this.layers[this.base]?.values ?? []).map(() => []);
    this.pieces = new Map();
    this.paint();
    this.current = this.nodes.findIndex((nodes) => nodes.length > 0);
    if (this.current >= 0) this.nodes[this.current][0].tabIndex = 0;
    this.numberSteps();
    this.showReviews();
    painted.set(element, this);
  }

  paint() {
    const firsts = this.layers.map(() => 0);
    for (const [index, message] of [...this.element.querySelectorAll("[data-message]")].entries()) {
      const text = message.textContent;
      const layers = this.layers.map((layer) => (layer ? unpackSpans(layer.spans[index] ?? "") : []));
      const marks = this.marks
        .filter(([at]) => at === index)
        .map(([, start, end, lane, style, pk]) => ({ start, end, lane, style, pk }));
      for (const { start, end } of layers[this.base] ?? []) this.texts.push(text.slice(start, end));
      if (marks.length || layers.some((tokens) => tokens.length)) {
        const pieces = cutPieces(text.length, layers, marks);
        message.replaceChildren(...pieces.map((piece) => this.node(piece, text, index, firsts)));
      }
      for (const [at, tokens] of layers.entries()) firsts[at] += tokens.length;
    }
  }

  node({ start, end, tokens, marks }, text, message, firsts) {
    let node = document.createTextNode(text.slice(start, end));
    if (tokens.some((token) => token >= 0)) {
      const own = tokens.map((token, at) => (token < 0 ? -1 : token + firsts[at]));
      node = this.pieceNode(node, { message, start, end, tokens: own });
    }
    for (const mark of [...marks].reverse()) {
      const outer = document.createElement("mark");
      outer.className = `mark mark-${mark.style} lane-${mark.lane}`;
      outer.dataset.pk = mark.pk;
      outer.append(node);
      node = outer;
    }
    return node;
  }

  pieceNode(content, piece) {
    const span = document.createElement("span");
    span.className = this.classesOf(piece);
    span.tabIndex = -1;
    if (content.data) span.append(content);
    this.pieces.set(span, piece);
    const token = piece.tokens[this.base];
    if (token >= 0) {
      span.dataset.token = token;
      this.nodes[token].push(span);
    }
    return span;
  }

  classesOf({ start, end, tokens }, shares = []) {
    const classes = tokens.flatMap((token, at) => {
      if (token < 0) return [];
      const { values, limit } = this.layers[at];
      return [`${LOOKS[at]}-${look(values[token], limit, (shares[at] ?? 0) * limit)}`];
    });
    if (start === end) classes.push("heat-empty");
    return classes.join(" ");
  }

  numberSteps() {
    if (this.base !== 0 || this.texts.join("").length <= TOKEN_CHARACTERS * this.texts.length) return;
    const { values } = this.layers[0];
    for (const [index, nodes] of this.nodes.entries()) if (nodes.length) nodes[0].dataset.value = signed(values[index]);
  }

  /** Draw values as nothing that are smaller than a share of their scale; a share for each layer. */
  hideBelow(shares) {
    for (const [node, piece] of this.pieces) node.className = this.classesOf(piece, shares);
  }

  /** Say in words what `node`, a piece or a mark, stands for. */
  describe(node) {
    if (!this.readout) return;
    const piece = this.pieces.get(node);
    const marks = this.marksAround(node).map((pk) => this.labelOf(pk));
    const parts = piece ? this.pieceWords(piece) : [];
    this.readout.textContent = [...parts, ...marks].join(" · ");
  }

  pieceWords(piece) {
    const index = piece.tokens[this.base];
    const named = index < 0 ? [] : [visible(this.texts[index])];
    const place = index < 0 ? [] : [gettext("%(n)s of %(all)s", { n: index + 1, all: this.nodes.length })];
    if (this.layers.length === 1) return [`${named[0]} ${this.valueWords(0, index)}`, ...place];
    return [...named, ...place, ...this.layers.map((_, at) => `${this.names[at]} ${this.valuesWords(at, piece)}`)];
  }

  /** The values of a layer on the token that `piece` lies in: several where the layer is cut finer than the token. */
  valuesWords(at, piece) {
    const index = piece.tokens[this.base];
    const pieces = index < 0 ? [piece] : this.nodes[index].map((node) => this.pieces.get(node));
    const found = [...new Set(pieces.map((one) => one.tokens[at]).filter((token) => token >= 0))];
    if (!found.length) return this.layers[at] ? gettext("nothing here") : gettext("not stored");
    const words = found.slice(0, MOST_NAMED).map((token) => this.valueWords(at, token));
    if (found.length <= MOST_NAMED) return words.join(", ");
    return gettext("%(words)s and %(n)s more", { words: words.join(", "), n: found.length - MOST_NAMED });
  }

  valueWords(at, token) {
    const { values, merged } = this.layers[at];
    const count = merged[token];
    const value = signed(values[token]);
    return count ? gettext("%(value)s, the sum of %(count)s tokens in one character", { value, count }) : value;
  }

  marksAround(node) {
    const pks = [];
    for (let mark = node.closest("mark"); mark; mark = mark.parentElement.closest("mark")) pks.push(mark.dataset.pk);
    return pks;
  }

  labelOf(pk) {
    return this.element.querySelector(`[data-mark="${pk}"] [data-mark-label]`)?.textContent ?? "";
  }

  focusToken(index) {
    const nodes = this.nodes[index];
    if (nodes?.length) this.focusNode(nodes[0]);
  }

  /** Focus a piece; the arrow keys go on from the token that it lies in. */
  focusNode(node) {
    const token = this.pieces.get(node).tokens[this.base];
    if (token >= 0) {
      this.nodes[this.current][0].tabIndex = -1;
      this.current = token;
      this.nodes[token][0].tabIndex = 0;
    }
    node.focus();
  }

  /** The piece at a place of the text. */
  nodeAt(message, start) {
    for (const [node, piece] of this.pieces) {
      const isEmptyThere = piece.start === start && piece.end === start;
      if (piece.message === message && (isEmptyThere || (piece.start <= start && start < piece.end))) return node;
    }
    return null;
  }

  /** Where an arrow key leads from the current token; -1 where it leads nowhere. */
  target(key) {
    const rightToLeft = getComputedStyle(this.nodes[this.current][0].closest("[data-message]")).direction === "rtl";
    const last = this.nodes.length - 1;
    switch (key) {
      case "ArrowRight":
        return this.step(rightToLeft ? -1 : 1);
      case "ArrowLeft":
        return this.step(rightToLeft ? 1 : -1);
      case "ArrowDown":
        return this.line(1);
      case "ArrowUp":
        return this.line(-1);
      case "Home":
        return this.step(1, -1);
      case "End":
        return this.step(-1, last + 1);
      default:
        return -1;
    }
  }

  step(by, from = this.current) {
    for (let at = from + by; at >= 0 && at < this.nodes.length; at += by) if (this.nodes[at].length) return at;
    return -1;
  }

  /** The token above or below: the nearest one across on the next line that has any. */
  line(by) {
    const here = this.nodes[this.current][0].getBoundingClientRect();
    const middle = here.left + here.width / 2;
    let best = -1;
    let bestLine = null;
    let bestDistance = Infinity;
    for (let at = this.step(by); at >= 0; at = this.step(by, at)) {
      const box = this.nodes[at][0].getBoundingClientRect();
      if (Math.abs(box.top - here.top) < 4) continue;
      bestLine ??= box.top;
      if (Math.abs(box.top - bestLine) > 4) break;
      const distance = Math.abs(box.left + box.width / 2 - middle);
      if (distance < bestDistance) [best, bestDistance] = [at, distance];
    }
    return best;
  }

  /** What a model marked looks like people's once a person accepted it, and is struck out once one would not have it. */
  showReviews() {
    for (const pk of this.models) {
      const row = this.element.querySelector(`[data-mark="${pk}"]`).closest("li");
      const decision = row.querySelector("[data-decision]")?.dataset.decision ?? "";
      for (const mark of this.element.querySelectorAll(`mark[data-pk="${pk}"], [data-mark="${pk}"] .mark`)) {
        mark.classList.toggle("mark-model", decision !== "accepted");
        mark.classList.toggle("mark-refused", decision === "rejected" || decision === "changed");
      }
    }
  }

  /** Show where a mark is and say so. */
  showMark(pk) {
    for (const mark of this.element.querySelectorAll("mark[aria-current]")) mark.removeAttribute("aria-current");
    const pieces = this.element.querySelectorAll(`mark[data-pk="${pk}"]`);
    for (const piece of pieces) piece.setAttribute("aria-current", "true");
    pieces[0]?.scrollIntoView({ block: "nearest" });
    if (pieces[0]) this.describe(pieces[0]);
  }
}
