// The questions of the page, a fieldset for each part: kept in step with the state, walked and answered by keys.

import { CONFIDENCE, missingFrom } from "./answer.js";
import { widgetFor } from "./widgets.js";

export class Questions {
  /**
   * @param root       the page
   * @param questions  as the server sent them
   * @param labels     of the responses
   * @param page       {onChoice(question, part, value, burst), onReveal(label), onAim(type, label, onDone), textOf, startOf, quoteOf}:
   *                   `onReveal` brings a response into view where only one is shown, `onAim` leads into its text to mark there
   */
  constructor(root, questions, labels, page) {
    Object.assign(this, { root, questions, labels, onReveal: page.onReveal, waiting: new Set() });
    const asked = new Map(questions.map((question) => [question.key, question]));
    const onChoice = (question, part, value, burst) => {
      this.forgive(question.key, part);
      page.onChoice(question, part, value, burst);
    };
    this.fieldsets = [...root.querySelectorAll("fieldset[data-question]")];
    // A long answer has a thousand steps, and every key asks where each of them is.
    this.byName = new Map(this.fieldsets.map((fieldset) => [nameOf(fieldset), fieldset]));
    this.places = new Map(this.fieldsets.map((fieldset, place) => [fieldset, place]));
    this.widgets = new Map(
      this.fieldsets.map((fieldset) => [
        fieldset,
        widgetFor(fieldset, asked.get(fieldset.dataset.question), { ...page, labels, onChoice }),
      ]),
    );
    root.addEventListener("focusout", (event) => event.relatedTarget === null && this.state && this.showCurrent());
    for (const button of root.querySelectorAll("[data-aim]")) {
      const { aim, aimOf } = button.dataset;
      button.addEventListener("click", () => page.onAim(aim, aimOf, () => this.comeBack(button.closest("fieldset"))));
    }
  }

  /** Show the state's choices, what is still missing, and which question the keys answer. */
  render(state) {
    this.state = state;
    for (const widget of this.widgets.values()) widget.render(state);
    this.showCurrent();
  }

  /** What must still be answered, in the order of the page: all about one response before the next; what waits last. */
  get missing() {
    const place = (entry) => this.places.get(this.fieldsetOf(entry)) ?? -1;
    const missing = missingFrom(this.state, this.questions, this.labels);
    return missing.sort((a, b) => this.waits(a) - this.waits(b) || place(a) - place(b));
  }

  /** Questions that cannot be answered yet, by key; none: all can. */
  holdBack(keys) {
    this.waiting = new Set(keys);
    for (const fieldset of this.fieldsets) {
      fieldset.disabled = this.waits(fieldset.dataset);
      fieldset.classList.toggle("is-waiting", fieldset.disabled);
    }
    if (this.state) this.render(this.state);
  }

  waits({ question, part }) {
    return this.waiting.has(question === CONFIDENCE ? part : question);
  }

  /** The fieldset that the keys answer: the focused one, else the first that is missing. */
  current() {
    const focused = document.activeElement?.closest?.("fieldset[data-question]");
    return focused ?? this.fieldsetOf(this.missing.find((entry) => !this.waits(entry)));
  }

  /** Answer the current question by a digit or letter; false if it has no such answer. */
  answer(key) {
    const fieldset = this.current();
    const done = fieldset && this.widgets.get(fieldset).key(key);
    if (!done) return false;
    if (done === "next") this.focus(this.after(fieldset));
    // The next key is meant for the same question.
    else if (done === "stay" && !fieldset.contains(document.activeElement)) this.focus(fieldset);
    return true;
  }

  /** Back from the text: what was marked there has answered `fieldset`, or a part of it. */
  comeBack(fieldset) {
    const isMissing = this.missing.some((entry) => this.fieldsetOf(entry) === fieldset);
    this.focus(isMissing || fieldset.dataset.widget !== "stop" ? fieldset : this.after(fieldset));
  }

  /** Go to the next or previous question. */
  step(by) {
    const open = this.fieldsets.filter((fieldset) => !fieldset.disabled);
    const at = open.indexOf(this.current());
    this.focus(open[Math.min(Math.max(at + by, 0), open.length - 1)]);
  }

  /** Go to the first question that is not answered. */
  goToMissing() {
    this.focus(this.fieldsetOf(this.missing.find((entry) => !this.waits(entry))));
  }

  /** Mark what the server or the page found wanting: {"overall.B": ["..."]}. */
  showErrors(fields) {
    for (const fieldset of this.fieldsets) {
      const messages = fields[nameOf(fieldset)] ?? [];
      fieldset.classList.toggle("is-wanting", messages.length > 0);
      fieldset.querySelector("[data-error]").textContent = messages.join(" ");
    }
  }

  showCurrent() {
    const current = this.current();
    for (const fieldset of this.fieldsets) fieldset.classList.toggle("is-current", fieldset === current);
  }

  focus(fieldset) {
    if (!fieldset) return;
    if (fieldset.dataset.of) this.onReveal(fieldset.dataset.of);
    this.widgets.get(fieldset).focus();
    fieldset.scrollIntoView({ block: "nearest" });
    this.bringOut(fieldset);
    this.showCurrent();
  }

  /** From behind the prompt above and the bar below, which stay where they are; its beginning counts most. */
  bringOut(fieldset) {
    const margin = 8;
    const box = fieldset.getBoundingClientRect();
    const top = this.root.querySelector("#prompt").getBoundingClientRect().bottom + margin;
    const bottom = this.root.querySelector(".answer-bar").getBoundingClientRect().top - margin;
    if (box.top < top) window.scrollBy(0, box.top - top);
    else if (box.bottom > bottom) window.scrollBy(0, Math.min(box.bottom - bottom, box.top - top));
  }

  after(fieldset) {
    const open = this.missing.filter((entry) => !this.waits(entry)).map((entry) => this.fieldsetOf(entry));
    const at = this.places.get(fieldset);
    return open.find((other) => this.places.get(other) > at) ?? open[0] ?? fieldset;
  }

  fieldsetOf(entry) {
    return entry && this.byName.get(`${entry.question}.${entry.part}`);
  }

  /** What was found wanting has been answered anew. */
  forgive(question, part) {
    const fieldset = this.fieldsetOf({ question, part });
    fieldset.classList.remove("is-wanting");
    fieldset.querySelector("[data-error]").textContent = "";
  }
}

function nameOf(fieldset) {
  return `${fieldset.dataset.question}.${fieldset.dataset.part}`;
}
