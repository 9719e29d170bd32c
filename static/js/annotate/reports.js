// What is said about an item besides answering it: that it is broken, or that help is needed, with the words that are meant.

import { gettext } from "../i18n.js";
import { selectedStretch } from "./select.js";

const WORDS = {
  flag: {
    title: gettext("Flag this item as broken"),
    label: gettext("What is broken?"),
    done: gettext("Flagged. Answer the item all the same, or skip it."),
  },
  help: {
    title: gettext("Ask for help"),
    label: gettext("What do you want to know?"),
    done: gettext("Asked. You are told when somebody replies."),
  },
};
const MAX_QUOTE = 120;

/** The words that are selected now, by mark, by keyboard or by mouse: {output, message, start, end, quote}, or null. */
export function meant({ marking, state, views }) {
  const span = marking && state.spans.find((one) => one.id === marking.selected);
  if (span) return placed(views.find((view) => view.output === span.output && view.message === span.message), span.start, span.end);
  if (marking?.pending) return placed(marking.pending.view, marking.pending.start, marking.pending.end);
  const selection = window.getSelection();
  for (const view of views) {
    const stretch = selectedStretch(view, selection);
    if (stretch) return placed(view, ...stretch);
  }
  return null;
}

function placed(view, start, end) {
  if (!view || start >= end) return null;
  return { output: view.output, message: view.message, start, end, quote: view.offsets.slice(start, end) };
}

export class Reports {
  /**
   * @param root       where the dialog and the buttons are
   * @param post       (name, body) => a result of api.js
   * @param meant      () => the words that are selected now, or null
   * @param notices    where it is told that it was sent
   * @param signedOut  () => void
   * @param signal     of an AbortController: buttons and dialog stay when the item is left
   */
  constructor(root, { post, meant, notices, signedOut, signal }) {
    Object.assign(this, { post, meant, notices, signedOut });
    this.dialog = root.getElementById("report-dialog");
    this.form = root.getElementById("report-form");
    const part = (name) => this.dialog.querySelector(`[data-report-${name}]`);
    this.parts = Object.fromEntries(["title", "label", "error", "anchor", "quote", "send"].map((name) => [name, part(name)]));
    for (const button of root.querySelectorAll("[data-report]")) {
      button.addEventListener("click", () => this.open(button.dataset.report), { signal });
    }
    const sent = (event) => {
      event.preventDefault();
      this.send();
    };
    this.form.addEventListener("submit", sent, { signal });
    signal?.addEventListener("abort", () => this.form.reset());
  }

  /** Ask for the words; what was typed and not sent is still there. */
  open(kind) {
    this.kind = kind;
    this.anchor = this.meant();
    this.parts.title.textContent = WORDS[kind].title;
    this.parts.label.textContent = WORDS[kind].label;
    this.parts.error.textContent = "";
    this.parts.anchor.hidden = this.anchor === null;
    const characters = [...(this.anchor?.quote ?? "")];
    this.parts.quote.textContent =
      characters.length > MAX_QUOTE ? `${characters.slice(0, MAX_QUOTE).join("")}…` : characters.join("");
    this.form.elements.anchored.checked = true;
    this.dialog.showModal();
  }

  async send() {
    if (this.isBusy) return;
    const { text, anchored } = this.form.elements;
    this.isBusy = true;
    this.parts.send.setAttribute("aria-disabled", "true");
    const result = await this.post("reports", {
      kind: this.kind,
      text: text.value,
      anchor: anchored.checked && this.anchor ? withoutQuote(this.anchor) : null,
    });
    this.isBusy = false;
    this.parts.send.setAttribute("aria-disabled", "false");
    if (result.kind === "ok") {
      this.form.reset();
      this.dialog.close();
      this.notices.show("report", WORDS[this.kind].done, { kind: "info" });
    } else if (result.kind === "signed-out") {
      this.dialog.close();
      this.signedOut();
    } else {
      this.parts.error.textContent = Object.values(result.fields ?? {}).flat()[0] ?? gettext("%(problem)s Try again.", { problem: result.message });
    }
  }
}

function withoutQuote({ output, message, start, end }) {
  return { output, message, start, end };
}
