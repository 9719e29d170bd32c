// One output: its text painted with a signal and marks, and what is said about the token under the pointer or the focus.

import { cutPieces, decodeSpans, heatClass, signed, visible } from "./pieces.js";

const painted = new WeakMap();

// Segments longer than this on average are steps or sentences: each then carries its number in front.
const TOKEN_CHARACTERS = 16;

export function panelOf(node) {
  return painted.get(node?.closest?.("[data-panel]"));
}

export class Panel {
  constructor(element) {
    this.element = element;
    const { limit, values, spans, merged, marks } = JSON.parse(element.dataset.paint);
    this.limit = limit;
    this.values = values ?? [];
    this.merged = merged ?? {};
    this.marks = marks;
    this.models = new Set([...element.querySelectorAll("[data-mark][data-model]")].map((row) => row.dataset.mark));
    this.readout = element.querySelector("[data-readout]");
    this.texts = [];
    this.nodes = this.values.map(() => []);
    this.paint(spans ?? []);
    this.current = this.nodes.findIndex((nodes) => nodes.length > 0);
    if (this.current >= 0) this.nodes[this.current][0].tabIndex = 0;
    this.numberSteps();
    const line = element.querySelector("[data-readout-line]");
    if (line) line.hidden = false;
    painted.set(element, this);
  }

  paint(spans) {
    let first = 0;
    for (const [index, message] of [...this.element.querySelectorAll("[data-message]")].entries()) {
      const text = message.textContent;
      const tokens = decodeSpans(spans[index] ?? []);
      const marks = this.marks
        .filter(([at]) => at === index)
        .map(([, start, end, lane, style, pk]) => ({ start, end, lane, style, pk }));
      for (const { start, end } of tokens) this.texts.push(text.slice(start, end));
      if (tokens.length || marks.length) {
        const pieces = cutPieces(text.length, tokens, marks);
        message.replaceChildren(...pieces.map((piece) => this.node(piece, text, first)));
      }
      first += tokens.length;
    }
  }

  node({ start, end, token, marks }, text, first) {
    let node = document.createTextNode(text.slice(start, end));
    if (token >= 0) node = this.tokenNode(node, first + token);
    for (const mark of [...marks].reverse()) {
      const outer = document.createElement("mark");
      outer.className = `mark mark-${mark.style} lane-${mark.lane}`;
      if (this.models.has(String(mark.pk))) outer.classList.add("mark-model");
      outer.dataset.pk = mark.pk;
      outer.append(node);
      node = outer;
    }
    return node;
  }

  tokenNode(content, index) {
    const span = document.createElement("span");
    span.className = heatClass(this.values[index], this.limit);
    span.dataset.token = index;
    span.tabIndex = -1;
    if (content.data) span.append(content);
    else span.classList.add("heat-empty");
    this.nodes[index].push(span);
    return span;
  }

  numberSteps() {
    if (this.texts.join("").length <= TOKEN_CHARACTERS * this.texts.length) return;
    for (const [index, nodes] of this.nodes.entries()) if (nodes.length) nodes[0].dataset.value = signed(this.values[index]);
  }

  /** Draw values smaller than `threshold` as nothing. */
  hideBelow(threshold) {
    for (const [index, nodes] of this.nodes.entries()) {
      const name = heatClass(this.values[index], this.limit, threshold);
      for (const node of nodes) node.className = node.classList.contains("heat-empty") ? `${name} heat-empty` : name;
    }
  }

  /** Say in words what `node`, a token or a mark, stands for. */
  describe(node) {
    if (!this.readout) return;
    const token = node.closest("[data-token]");
    const marks = this.marksAround(node).map((pk) => this.labelOf(pk));
    const parts = token ? [this.tokenWords(Number(token.dataset.token))] : [];
    this.readout.textContent = [...parts, ...marks].join(" · ");
  }

  tokenWords(index) {
    const count = this.merged[index];
    const joined = count ? `, the sum of ${count} tokens in one character` : "";
    return `${visible(this.texts[index])} ${signed(this.values[index])}${joined} · ${index + 1} of ${this.values.length}`;
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
    if (!nodes?.length) return;
    this.nodes[this.current][0].tabIndex = -1;
    this.current = index;
    nodes[0].tabIndex = 0;
    nodes[0].focus();
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

  /** Show where a mark is and say so. */
  showMark(pk) {
    for (const mark of this.element.querySelectorAll("mark[aria-current]")) mark.removeAttribute("aria-current");
    const pieces = this.element.querySelectorAll(`mark[data-pk="${pk}"]`);
    for (const piece of pieces) piece.setAttribute("aria-current", "true");
    pieces[0]?.scrollIntoView({ block: "nearest" });
    if (pieces[0]) this.describe(pieces[0]);
  }
}
