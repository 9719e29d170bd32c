// Submit, skip, and on to the next item. The item is left only after the server has said that it has everything.

import { gettext } from "../i18n.js";
import { request } from "./api.js";
import { randomKey, Submitter } from "./submit.js";

const RETRY_MS = 4000;

export class Flow {
  constructor(root, { workbench, lease, notices, time, post, urls, signedOut, onNext, signal }) {
    Object.assign(this, { root, workbench, lease, notices, time, post, urls, signedOut, onNext });
    // The next item comes with the same answer, and what its page shows: one request, and nothing to load.
    const send = (body) => post("submit", { ...body, with_next: true, with_page: true });
    this.submitter = new Submitter({ send, newKey: randomKey });
    this.button = root.querySelector("[data-submit]");
    this.label = this.button.querySelector("[data-label]");
    this.button.addEventListener("click", () => this.submit());
    const skip = document.getElementById("skip-form");
    const skipped = (event) => {
      event.preventDefault();
      this.skip(new FormData(skip).get("reason"));
    };
    // The dialogs stay when the item is left.
    skip.addEventListener("submit", skipped, { signal });
    signal.addEventListener("abort", () => {
      skip.reset();
      document.getElementById("skip-dialog").close();
    });
  }

  /** Nothing more can be sent from this page. */
  block() {
    // A submit whose answer was lost may well have arrived: sending it again tells.
    if (this.retry) return;
    this.isBlocked = true;
    this.button.disabled = true;
  }

  async submit() {
    if (this.isBusy || this.isBlocked) return;
    const missing = this.workbench.fields.missing;
    if (this.workbench.stages.isHeld) return this.workbench.stages.goOn();
    if (missing.length > 0) {
      this.showMissing(missing);
      return;
    }
    this.busy(gettext("Submitting…"));
    this.workbench.marking?.cancel();
    await this.workbench.drafts.hold();
    const answer = this.workbench.answer;
    const result = await this.submitter.submit(answer, this.time.milliseconds, this.time.parts);
    if (result.kind === "ok") {
      this.lease.end();
      this.workbench.drafts.finish();
      if (result.data.next) this.onNext({ url: result.data.next, page: result.data.page });
      else await this.goOn();
      return;
    }
    this.busy(null);
    this.refused(result);
    if (result.kind !== "offline") this.workbench.drafts.resume();
  }

  async skip(reason) {
    if (this.isBusy || this.isBlocked) return;
    this.busy(gettext("Skipping…"));
    await this.workbench.drafts.flush();
    const result = await this.post("skip", { reason: reason ?? "" });
    if (result.kind === "ok") {
      this.lease.end();
      await this.goOn();
      return;
    }
    this.busy(null);
    document.getElementById("skip-dialog").close();
    this.notices.show("flow", result.message ?? gettext("The item could not be skipped. Try again."), { kind: "danger" });
  }

  /** To the next item, or to the start page, which says that there is none. */
  async goOn() {
    const next = await request("POST", this.urls.next, { with_page: true });
    this.onNext(next.kind === "ok" && next.data.url ? next.data : { url: this.urls.start });
  }

  refused(result) {
    if (result.kind === "signed-out") {
      this.signedOut();
      return;
    }
    if (result.kind === "offline") {
      this.notices.show("flow", gettext("%(problem)s Your answer is kept here and is sent again by itself.", { problem: result.message }));
      this.workbench.drafts.tell("offline");
      this.retry = setTimeout(() => this.submit(), RETRY_MS);
      return;
    }
    this.workbench.fields.showErrors(result.fields);
    const details = Object.values(result.fields).flat();
    this.notices.show("flow", details.length > 0 ? details.slice(0, 3).join(" ") : result.message, { kind: "danger" });
  }

  showMissing(missing) {
    const fields = Object.fromEntries(missing.map(({ question, part }) => [`${question}.${part}`, [gettext("Please answer this.")]]));
    this.workbench.fields.showErrors(fields);
    this.workbench.fields.goToMissing();
  }

  busy(text) {
    clearTimeout(this.retry);
    this.retry = null;
    if (text !== null) this.notices.hide("flow");
    this.isBusy = text !== null;
    this.button.setAttribute("aria-disabled", String(this.isBusy));
    this.label.textContent = text ?? this.button.dataset.text;
  }
}
