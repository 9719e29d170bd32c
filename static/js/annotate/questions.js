// The fieldsets of ratings and comparisons: real radios, kept in step with the state, walked and answered by number.

import { missingFrom } from "./answer.js";

export class Questions {
  /**
   * @param root       the page
   * @param questions  as the server sent them
   * @param labels     of the responses
   * @param onChoice   (question, part, value) => void
   * @param onReveal   (label) => void: bring a response into view where only one is shown
   */
  constructor(root, questions, labels, { onChoice, onReveal }) {
    Object.assign(this, { root, questions, labels, onChoice, onReveal });
    this.fieldsets = [...root.querySelectorAll("fieldset[data-question]")];
    root.addEventListener("change", (event) => {
      const fieldset = event.target.closest?.("fieldset[data-question]");
      if (fieldset) this.chosen(fieldset, event.target);
    });
    root.addEventListener("click", (event) => {
      const clear = event.target.closest?.("[data-clear]");
      if (clear) this.onChoice(...partsOf(clear.closest("fieldset")), null);
    });
  }

  /** Show the state's choices, what is still missing, and which question a number key answers. */
  render(state) {
    this.state = state;
    for (const fieldset of this.fieldsets) {
      const [question, part] = partsOf(fieldset);
      const value = state.choices[question]?.[part];
      for (const radio of fieldset.querySelectorAll("input[type=radio]")) {
        radio.checked = value !== undefined && radio.value === String(value);
      }
      fieldset.classList.toggle("is-answered", value !== undefined);
      const clear = fieldset.querySelector("[data-clear]");
      if (clear) clear.hidden = value === undefined;
      const meaning = fieldset.querySelector("[data-meaning]");
      if (meaning) meaning.textContent = fieldset.querySelector(":checked")?.dataset.anchor ?? "";
    }
    this.showCurrent();
  }

  get missing() {
    return missingFrom(this.state, this.questions, this.labels);
  }

  /** The fieldset that number keys answer: the focused one, else the first that is missing. */
  current() {
    const focused = document.activeElement?.closest?.("fieldset[data-question]");
    return focused ?? this.fieldsetOf(this.missing[0]);
  }

  /** Answer the current question by a digit or letter; false if it has no such answer. */
  answer(key) {
    const fieldset = this.current();
    const radio = fieldset?.querySelector(`input[data-digit="${CSS.escape(key)}"], input[data-letter="${CSS.escape(key)}"]`);
    if (!radio) return false;
    radio.checked = true;
    this.chosen(fieldset, radio);
    this.focus(this.after(fieldset));
    return true;
  }

  /** Go to the next or previous question. */
  step(by) {
    const at = this.fieldsets.indexOf(this.current());
    this.focus(this.fieldsets[Math.min(Math.max(at + by, 0), this.fieldsets.length - 1)]);
  }

  /** Go to the first question that is not answered. */
  goToMissing() {
    this.focus(this.fieldsetOf(this.missing[0]));
  }

  /** Mark what the server or the page found wanting: {"overall.B": ["..."]}. */
  showErrors(fields) {
    for (const fieldset of this.fieldsets) {
      const messages = fields[partsOf(fieldset).join(".")] ?? [];
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
    const radio = fieldset.querySelector(":checked") ?? fieldset.querySelector("input[type=radio]");
    radio.focus({ preventScroll: true });
    fieldset.scrollIntoView({ block: "nearest" });
    this.showCurrent();
  }

  after(fieldset) {
    const open = this.missing.map((entry) => this.fieldsetOf(entry));
    const at = this.fieldsets.indexOf(fieldset);
    return open.find((other) => this.fieldsets.indexOf(other) > at) ?? open[0] ?? fieldset;
  }

  fieldsetOf(entry) {
    return entry && this.fieldsets.find((fieldset) => partsOf(fieldset).join() === [entry.question, entry.part].join());
  }

  chosen(fieldset, radio) {
    const [question, part] = partsOf(fieldset);
    fieldset.classList.remove("is-wanting");
    fieldset.querySelector("[data-error]").textContent = "";
    const isNumber = this.questions.find((entry) => entry.key === question).kind === "rating" && radio.value !== "na";
    this.onChoice(question, part, isNumber ? Number(radio.value) : radio.value);
  }
}

function partsOf(fieldset) {
  return [fieldset.dataset.question, fieldset.dataset.part];
}
