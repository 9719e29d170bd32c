// The spans that models marked, beside the person's own: accepted, changed or rejected there. A decision is a choice of
// the state like any other, so that undo, drafts and the submit hold for it too.

import { markType } from "./kinds.js";

/** The key of the answer that no question can have. */
export const REVIEWS = "@marks";

const SAID = ["message", "start", "end", "type", "severity", "comment"];

/** What stands for the decisions among the questions: nothing in it has to be answered. */
export const reviewsAsked = (prompt) => ({ key: REVIEWS, kind: "proposals", prompt, required: false });

/**
 * The decision on a span after something in it was changed.
 *
 * @param mark      as the server sent it
 * @param decision  the one so far, or undefined
 * @param changes   some of message, start, end, type, severity, comment
 * @param viewOf    (output, message) => of views.js
 * @returns the decision; changed back to what the model said, a span is accepted
 */
export function changedBy(mark, decision, changes, viewOf) {
  const soFar = decision?.decision === "changed" ? decision : mark;
  const said = Object.fromEntries(SAID.map((name) => [name, changes[name] ?? soFar[name]]));
  if (SAID.every((name) => said[name] === mark[name])) return { decision: "accepted" };
  const view = viewOf(mark.output, said.message);
  return {
    decision: "changed",
    ...said,
    quote: view.offsets.slice(said.start, said.end),
    text_sha256: view.sha256,
  };
}

/** The span to draw for a mark as it stands by the decision on it. Its id is negative: those of own spans are not. */
export function spanOf(mark, decision, question) {
  const said = decision?.decision === "changed" ? decision : mark;
  const { message, start, end, type, severity, comment } = said;
  return {
    id: -mark.id,
    output: mark.output,
    message,
    start,
    end,
    type: markType(question, type),
    severity,
    comment,
    proposal: { source: mark.source, type, decision: decision?.decision ?? null },
  };
}

/** The decisions that are about these marks: what speaks of another was said of one that is gone. */
export function decisionsOn(marks, choices) {
  const known = new Set(marks.map((mark) => String(mark.id)));
  return Object.fromEntries(Object.entries(choices ?? {}).filter(([id]) => known.has(id)));
}

export class Proposals {
  /**
   * @param root      the page
   * @param question  the one about spans
   * @param page      {getChoices(), choose(id, decision, burst), viewOf, onJump(span), onPlace(output, (view, start, end) => void)}:
   *                  `onPlace` lets the person select other words in a response
   */
  constructor(root, question, page) {
    Object.assign(this, { root, question, page });
    this.types = new Map(question.types.map((type) => [type.key, type]));
    this.marks = [];
    this.open = null;
    this.rows = new Map();
    const buttons = root.querySelector("#proposal-row").content.querySelectorAll("[data-decide]");
    /** What can be decided, with the words of the page. */
    this.decisions = [...buttons].map((button) => ({ key: button.dataset.decide, label: button.textContent.trim() }));
  }

  /** The marks as they came; decisions on marks that are gone are not said any more. */
  load(marks) {
    this.marks = marks;
    for (const mark of marks) this.rows.set(mark.id, this.newRow(mark));
    for (const holder of this.root.querySelectorAll("[data-proposal-list]")) {
      const own = marks.filter((mark) => mark.output === holder.dataset.proposalList);
      holder.replaceChildren(...own.map((mark) => this.rows.get(mark.id)));
    }
  }

  /** What is drawn in the texts. */
  get spans() {
    const choices = this.page.getChoices();
    return this.marks.map((mark) => spanOf(mark, choices[mark.id], this.question));
  }

  /** Draw the rows, or hide them all with what the models gave. */
  render(isShown) {
    const choices = this.page.getChoices();
    for (const mark of this.marks) this.fill(this.rows.get(mark.id), mark, choices[mark.id]);
    for (const section of this.root.querySelectorAll("[data-proposals]")) {
      const own = this.marks.filter((mark) => mark.output === section.dataset.proposals);
      const decided = own.filter((mark) => choices[mark.id]).length;
      section.hidden = !isShown || own.length === 0;
      section.querySelector("[data-proposal-count]").textContent = `${decided} / ${own.length}`;
    }
  }

  /** A decision on the mark with this id; the same again takes it back, `changed` leads to what can be changed. */
  decide(id, decision) {
    const mark = this.markOf(id);
    const before = this.page.getChoices()[id]?.decision;
    if (decision === "changed") {
      this.open = this.open === id ? null : id;
      this.render(true);
      if (this.open === id) this.rows.get(id).querySelector("[data-field=type]").focus();
      return;
    }
    this.open = null;
    this.page.choose(mark.id, before === decision ? null : { decision });
  }

  markOf(id) {
    return this.marks.find((mark) => mark.id === id);
  }

  change(mark, changes, burst = null) {
    this.page.choose(mark.id, changedBy(mark, this.page.getChoices()[mark.id], changes, this.page.viewOf), burst);
  }

  newRow(mark) {
    const row = this.root.querySelector("#proposal-row").content.firstElementChild.cloneNode(true);
    row.dataset.proposal = String(mark.id);
    const find = (name) => row.querySelector(`[data-field="${name}"]`);
    const known = this.types.has(mark.type) ? [] : [{ key: mark.type, label: mark.type }];
    for (const type of [...this.question.types, ...known]) find("type").append(new Option(type.label, type.key));
    const severities = this.question.severities;
    const other = ["", ...severities.map((one) => one.key)].includes(mark.severity) ? [] : [{ key: mark.severity, label: mark.severity }];
    for (const one of [...severities, ...other]) find("severity").append(new Option(one.label, one.key));
    find("severity").hidden = severities.length + other.length === 0;
    find("jump").addEventListener("click", () => this.page.onJump(this.spanOf(mark)));
    for (const button of row.querySelectorAll("[data-decide]")) {
      button.addEventListener("click", () => this.decide(mark.id, button.dataset.decide));
    }
    find("type").addEventListener("change", (event) => this.change(mark, { type: event.target.value }));
    find("severity").addEventListener("change", (event) => this.change(mark, { severity: event.target.value }));
    find("comment").addEventListener("input", (event) =>
      this.change(mark, { comment: event.target.value }, `proposal:${mark.id}`),
    );
    find("place").addEventListener("click", () =>
      this.page.onPlace(mark.output, (view, start, end) => this.change(mark, { message: view.message, start, end })),
    );
    return row;
  }

  spanOf(mark) {
    return spanOf(mark, this.page.getChoices()[mark.id], this.question);
  }

  fill(row, mark, decision) {
    const find = (name) => row.querySelector(`[data-field="${name}"]`);
    const span = this.spanOf(mark);
    const { type, decision: decided } = span.proposal;
    const words = this.page.viewOf(span.output, span.message).offsets.slice(span.start, span.end);
    row.classList.toggle("is-decided", decided !== null);
    row.dataset.decision = decided ?? "";
    find("swatch").className = `mark mark-model mark-swatch mark-${this.types.get(type)?.colour ?? 7}`;
    find("quote").textContent = words.length > 120 ? `${words.slice(0, 119)}…` : words;
    const severity = this.question.severities.find((one) => one.key === span.severity)?.label ?? span.severity;
    const label = this.types.get(type)?.label ?? type;
    find("label").textContent = [mark.source, label, severity].filter(Boolean).join(" · ");
    for (const button of row.querySelectorAll("[data-decide]")) {
      button.setAttribute("aria-pressed", String(button.dataset.decide === decided));
    }
    find("note").textContent = span.comment;
    find("note").hidden = this.open === mark.id || !span.comment;
    find("editor").hidden = this.open !== mark.id;
    for (const [name, value] of [["type", type], ["severity", span.severity], ["comment", span.comment]]) {
      if (find(name).value !== value) find(name).value = value;
    }
  }
}
