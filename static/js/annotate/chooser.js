// The small panel beside a selection: first the type, then the severity. By click, by touch, or by number.

import { gettext } from "../i18n.js";

/** Stages: null (closed), "type" (of a stretch that is not marked yet, or of a span to change), "severity", "decision" (on a
 *  span that a model marked). */
export class Chooser {
  /**
   * @param element      the empty panel
   * @param types        what may be marked (markable.js)
   * @param onType       (key) => void
   * @param onSeverity   (key or "") => void
   * @param onRemove     () => void
   */
  constructor(element, types, { onType, onSeverity, onRemove }) {
    Object.assign(this, { element, types, onType, onSeverity, onRemove });
    this.stage = null;
  }

  /** Offer the types beside `box`; `likely` is the one that was asked for. */
  askType(box, { current = null, hint = "", likely = null } = {}) {
    this.entries = this.types;
    const rows = this.types.map((type, index) =>
      this.button(index + 1, type.label, () => this.onType(type.key), {
        swatch: type.colour,
        title: type.description,
        isCurrent: type.key === (current ?? likely),
      }),
    );
    this.open("type", current === null ? gettext("Mark as") : gettext("Change to"), rows, box, { hint, canRemove: current !== null });
  }

  /** Offer the severities beside `box`. */
  askSeverity(box, { severities, current = "" }) {
    this.entries = severities;
    const rows = severities.map((severity, index) =>
      this.button(index + 1, severity.label, () => this.onSeverity(severity.key), { isCurrent: severity.key === current }),
    );
    this.open("severity", gettext("How severe?"), rows, box, { hint: gettext("Or go on: severity may be left open."), canRemove: true });
  }

  /** Offer what can be said of a model's span beside `box`; `onDecide` is told its key. */
  askDecision(box, { entries, title, current, onDecide }) {
    this.entries = entries;
    this.onDecide = onDecide;
    const rows = entries.map((entry, index) =>
      this.button(index + 1, entry.label, () => onDecide(entry.key), { isCurrent: entry.key === current }),
    );
    this.open("decision", title, rows, box, { hint: "", canRemove: false });
  }

  /** What a digit means now; false if it means nothing here. */
  digit(number) {
    const entry = this.stage && this.entries[number - 1];
    if (!entry) return false;
    if (this.stage === "type") this.onType(entry.key);
    else if (this.stage === "decision") this.onDecide(entry.key);
    else this.onSeverity(entry.key);
    return true;
  }

  close() {
    this.stage = null;
    this.element.hidden = true;
  }

  open(stage, title, rows, box, { hint, canRemove }) {
    this.stage = stage;
    const heading = document.createElement("p");
    heading.className = "chooser-title";
    heading.textContent = title;
    const list = document.createElement("div");
    list.className = "chooser-choices";
    list.append(...rows);
    const foot = document.createElement("div");
    foot.className = "chooser-foot";
    if (hint) foot.append(textOf("span", hint));
    if (canRemove) foot.append(this.removeButton());
    this.element.replaceChildren(heading, list, foot);
    this.element.hidden = false;
    this.placeBeside(box);
  }

  button(number, label, action, { swatch = null, title = "", isCurrent = false }) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "chooser-choice";
    button.title = title;
    if (isCurrent) button.setAttribute("aria-current", "true");
    if (number <= 9) button.append(textOf("kbd", String(number)));
    if (swatch) {
      const mark = textOf("span", "");
      mark.className = `mark mark-swatch mark-${swatch}`;
      button.append(mark);
    }
    button.append(textOf("span", label));
    button.addEventListener("click", action);
    return button;
  }

  removeButton() {
    const button = textOf("button", gettext("Remove mark"));
    button.type = "button";
    button.className = "button button-quiet button-small chooser-remove";
    button.addEventListener("click", this.onRemove);
    return button;
  }

  /** Below the words if there is room, else above; on a narrow screen the style sheet puts it at the bottom edge. */
  placeBeside(box) {
    const { width, height } = this.element.getBoundingClientRect();
    const margin = 8;
    const bar = document.querySelector(".answer-bar")?.getBoundingClientRect().top ?? window.innerHeight;
    const below = box.bottom + margin;
    const top = below + height < bar ? below : Math.max(margin, box.top - height - margin);
    const left = Math.min(Math.max(margin, box.left), window.innerWidth - width - margin);
    this.element.style.translate = `${Math.round(left)}px ${Math.round(top)}px`;
  }
}

function textOf(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
