// How a part of a question is answered on the page: radio buttons, ticks, an order, text fields. Each widget draws the
// state into its fieldset and tells what a person does there; `key` says "next" where the answer is given, "stay" where
// more may follow, "away" where it leads elsewhere, and false where the key means nothing.

import { gettext } from "../i18n.js";
import { isAnswered } from "./answer.js";
import { diffWords, fromField } from "./diff.js";
import { kindOf, pastSteps, stopOf } from "./kinds.js";
import { RankingWidget } from "./ranking_widget.js";

/** Radio buttons, or whatever has one value that a digit or a letter chooses. */
export class Radios {
  /**
   * @param fieldset  with data-question and data-part
   * @param question  as the server sent it
   * @param page      {labels, onChoice(question, part, value, burst), textOf(label, message), startOf(label), quoteOf(span)}
   */
  constructor(fieldset, question, page) {
    Object.assign(this, { fieldset, question, page, part: fieldset.dataset.part });
    this.radios = [...fieldset.querySelectorAll("input[type=radio]")];
    fieldset.addEventListener("change", (event) => this.changed(event.target));
    fieldset.querySelector("[data-clear]")?.addEventListener("click", () => this.clear());
    this.build?.();
  }

  valueIn(state) {
    return state.choices[this.question.key]?.[this.part];
  }

  render(state) {
    const value = this.valueIn(state);
    for (const radio of this.radios) radio.checked = value !== undefined && radio.value === String(value);
    this.renderFrame(state, value !== undefined);
    if (this.question.kind === "steps") {
      const isPast = pastSteps(this.question, state.choices[this.question.key] ?? {}).has(this.part);
      this.fieldset.disabled = isPast || this.fieldset.classList.contains("is-waiting");
    }
    const meaning = this.fieldset.querySelector("[data-meaning]");
    if (meaning) meaning.textContent = this.fieldset.querySelector(":checked")?.dataset.anchor ?? "";
  }

  /** What all widgets show: whether they are answered, and whether there is anything to clear. */
  renderFrame(state, hasValue) {
    const done = isAnswered(state, this.question, this.part, this.page.labels);
    this.fieldset.classList.toggle("is-answered", done);
    const clear = this.fieldset.querySelector("[data-clear]");
    if (clear) clear.hidden = !hasValue;
    for (const button of this.fieldset.querySelectorAll("[data-aim]")) {
      const { aim, aimOf } = button.dataset;
      const count = state.spans.filter((span) => span.type === aim && span.output === aimOf).length;
      const counter = button.querySelector("[data-aim-count]");
      if (counter) counter.textContent = count > 0 ? String(count) : "";
    }
  }

  key(name) {
    const meant = [...this.fieldset.querySelectorAll(choiceBy(name))];
    // Several that share a key come one after the other: a side by a little first, then by more; each kind of tie.
    meant.sort((a, b) => Number(a.dataset.strength ?? 0) - Number(b.dataset.strength ?? 0));
    const radio = meant[(meant.findIndex((one) => one.checked) + 1) % meant.length];
    if (!radio || radio.disabled || this.fieldset.disabled) return false;
    radio.checked = true;
    this.changed(radio);
    return meant.length > 1 ? "stay" : "next";
  }

  focus() {
    const radio = this.fieldset.querySelector(":checked") ?? this.fieldset.querySelector("input, button:not([hidden])");
    radio.focus({ preventScroll: true });
  }

  changed(radio) {
    if (radio.type === "radio") this.choose(kindOf(this.question).read(radio.value));
  }

  choose(value, burst = null) {
    this.page.onChoice(this.question, this.part, value, burst);
  }

  clear() {
    this.choose(null);
  }
}

/** Any number of responses, or none of them: that is an answer too. */
class Ticks extends Radios {
  build() {
    this.boxes = [...this.fieldset.querySelectorAll("input[type=checkbox]")];
  }

  render(state) {
    const value = this.valueIn(state);
    for (const box of this.boxes) {
      box.checked = value !== undefined && (box.hasAttribute("data-none") ? value.length === 0 : value.includes(box.value));
    }
    this.value = value;
    this.renderFrame(state, value !== undefined);
  }

  key(name) {
    const box = this.fieldset.querySelector(choiceBy(name));
    if (!box) return false;
    box.checked = !box.checked;
    this.changed(box);
    return "stay";
  }

  changed(box) {
    if (box.hasAttribute("data-none")) {
      this.choose(box.checked ? [] : null);
      return;
    }
    const others = (this.value ?? []).filter((label) => label !== box.value);
    const value = box.checked ? [...others, box.value].sort() : others;
    // The last tick taken away answers nothing: that none is good has to be said.
    this.choose(value.length > 0 ? value : null);
  }
}

/** Words in a field; every pause between keys is no step of the history, every field is. */
class Words extends Radios {
  build() {
    this.field = this.fieldset.querySelector("[data-text]");
    this.field.addEventListener("input", () => this.typed());
    // Out of the field, so that keys mean answers again.
    this.field.addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && this.field.blur());
  }

  get burst() {
    return `${this.question.key}:${this.part}`;
  }

  render(state) {
    const value = this.valueIn(state);
    this.show(value ?? "");
    this.renderFrame(state, value !== undefined);
  }

  show(text) {
    // A field gives line breaks back as LF; setting what it has already would move the caret.
    if (this.field.value !== text.replace(/\r\n?/g, "\n")) this.field.value = text;
  }

  typed() {
    this.choose(this.field.value === "" ? null : this.field.value, this.burst);
  }

  /** A letter leads into the text, since letters are written there. */
  key(name) {
    if (name !== "e") return false;
    this.field.focus();
    return "stay";
  }

  focus() {
    this.field.focus({ preventScroll: true });
  }
}

/** The response itself in a field, with what was changed below it. */
class Edit extends Words {
  build() {
    super.build();
    this.original = this.page.textOf(this.part, this.question.messages[this.part]);
    this.right = this.fieldset.querySelector("[data-right]");
    this.diff = this.fieldset.querySelector("[data-diff]");
  }

  render(state) {
    const value = this.valueIn(state);
    this.show(value ?? this.original);
    this.right.checked = value === this.original;
    const isChanged = value !== undefined && value !== this.original;
    this.diff.hidden = !isChanged;
    this.diff.replaceChildren(...(isChanged ? diffWords(this.original, value).map(pieceOf) : []));
    this.renderFrame(state, value !== undefined);
  }

  typed() {
    const text = fromField(this.field.value, this.original);
    this.choose(text === this.original ? null : text, this.burst);
  }

  changed(target) {
    if (target === this.right) this.choose(this.right.checked ? this.original : null);
  }

  key(name) {
    if (name !== "1") return super.key(name);
    this.choose(this.original);
    return "next";
  }

  /** Not into the text, where the next digit would be written. */
  focus() {
    this.right.focus({ preventScroll: true });
  }
}

/** A place in the text, or none: the place is a mark and is set in the text itself. */
class Stop extends Radios {
  render(state) {
    super.render(state);
    const stop = stopOf(state.spans, this.question, this.part);
    const place = stop ? gettext("Stopped at “%(quote)s”", { quote: this.page.quoteOf(stop) }) : "";
    this.fieldset.querySelector("[data-place]").textContent = place;
    this.renderFrame(state, Boolean(stop) || this.valueIn(state) !== undefined);
  }

  key(name) {
    if (name !== "1") return super.key(name);
    this.fieldset.querySelector("[data-aim]").click();
    return "away";
  }
}

const WIDGETS = { ticks: Ticks, ranking: RankingWidget(Radios), words: Words, edit: Edit, stop: Stop };

/** The widget of a fieldset. */
export function widgetFor(fieldset, question, page) {
  const Widget = WIDGETS[fieldset.dataset.widget] ?? Radios;
  return new Widget(fieldset, question, page);
}

function choiceBy(name) {
  const key = CSS.escape(name);
  const tie = name === "0" || name === "t" ? ", input[data-tie]" : "";
  return `input[data-digit="${key}"], input[data-letter="${key}"]${tie}`;
}

const TAGS = { same: "span", gone: "del", new: "ins" };

function pieceOf({ kind, text }) {
  const element = document.createElement(TAGS[kind]);
  element.textContent = text;
  return element;
}
