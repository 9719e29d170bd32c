// One item in work: its answer, its lease, its time, and what the page says about them. Data comes as JSON in the page,
// answers go to the API. Whatever listens outside the item's own elements stops with `close`.

import { gettext } from "../i18n.js";
import { ActiveTime, keepParts, partOf, readParts } from "./active_time.js";
import { request } from "./api.js";
import { BreakHint } from "./break_hint.js";
import { Flow } from "./flow.js";
import { Lease } from "./lease.js";
import { LookBack } from "./look_back.js";
import { meant, Reports } from "./reports.js";
import { clock, Notices, SaveState } from "./status.js";
import { randomKey } from "./submit.js";
import { Workbench } from "./workbench.js";

export class Item {
  /**
   * @param root    [data-annotate]
   * @param data    the assignment as the server sent it
   * @param onNext  ({url, page}) => void: on to another page; `page` is what it shows of the next item, as HTML
   */
  constructor(root, data, { onNext }) {
    Object.assign(this, { root, data });
    this.closing = new AbortController();
    const { signal } = this.closing;
    this.urls = root.dataset;
    this.notices = new Notices(root);
    this.saveState = new SaveState(document.querySelector("[data-save-state]"));
    this.time = new ActiveTime(data.active_ms, readParts(window.sessionStorage, data));
    const post = (name, body, options) => request("POST", `${this.urls.api}/${name}`, body, options);
    this.workbench = this.newWorkbench(post, signal);
    const signedOut = () => this.signedOut();
    this.lease = new Lease({
      post,
      signal,
      activeMs: () => this.time.milliseconds,
      onLost: (result) => this.lost(result),
      onSignedOut: signedOut,
      onAlive: (until) => this.alive(until),
      isEmpty: () => this.workbench.isEmpty && !this.workbench.drafts.isDirty && data.draft === null,
    });
    const { workbench, lease, notices, time, urls } = this;
    this.flow = new Flow(root, { workbench, lease, notices, time, post, urls, signedOut, onNext, signal });
    this.lookBack = this.newLookBack();
    this.reports = new Reports(document, { post, notices, signedOut, signal, meant: () => meant(workbench) });
    if (data.draft) this.saveState.show("saved", { saved_at: data.draft.saved_at });
    else this.saveState.show("untouched");
    this.watch(signal);
    root.querySelector("[data-undo]").addEventListener("click", () => workbench.undo());
    root.querySelector("[data-redo]").addEventListener("click", () => workbench.redo());
    root.querySelector("[data-missing]").addEventListener("click", () => workbench.fields.goToMissing());
    this.showLease(data.lease_until);
    root.dataset.ready = "true";
  }

  newWorkbench(post, signal) {
    return new Workbench(this.root, this.data, {
      signal,
      tab: tabName(),
      api: {
        draft: async (draft) => {
          const result = await request("PUT", `${this.urls.api}/draft`, {
            ...draft,
            active_ms: this.time.milliseconds,
            first_finished: this.workbench.stages.isFinished,
          });
          if (result.kind === "error" && result.code !== "draft_conflict") this.lost(result);
          if (result.kind === "signed-out") this.signedOut();
          if (result.kind === "ok") this.alive(result.data.lease_until);
          // Signed out is like offline: it goes on by itself after signing in again elsewhere.
          return result.kind === "signed-out" ? { kind: "offline" } : result;
        },
        assignment: () => request("GET", this.urls.api),
        overlay: () => post("overlay"),
      },
      on: {
        state: (state, detail) => this.saveState.show(state, detail),
        restored: (text) => this.notices.show("restored", text, { kind: "info" }),
      },
    });
  }

  newLookBack() {
    const { workbench, lease, notices, flow } = this;
    const link = this.root.querySelector("[data-look-back]");
    const lookBack = new LookBack({
      link: () => link,
      drafts: workbench.drafts,
      lease,
      notices,
      // A mark that is being set would be gone.
      isBusy: () => flow.isBusy || Boolean(workbench.marking?.pending),
    });
    link?.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      lookBack.start();
    });
    return lookBack;
  }

  /** What the person does, and when the page is hidden: time counts, and what is not sent yet is sent. */
  watch(signal) {
    const { time, workbench } = this;
    const rest = new BreakHint(window.sessionStorage, {
      onHint: (minutes) => {
        const text = gettext(
          "You have worked for %(minutes)s minutes without a rest. A short break keeps judgments even; your work is saved.",
          { minutes },
        );
        this.notices.show("rest", text, { kind: "info" });
      },
    });
    const happened = (event) => {
      // A key that is pressed nowhere in particular answers the lit question.
      const isBare = event.type === "keydown" && (event.target === document.body || event.target.id === "main");
      time.tick(partOf(isBare ? workbench.fields.current() : event.target));
      rest.tick();
    };
    for (const kind of ["pointerdown", "keydown", "scroll", "pointermove"]) {
      window.addEventListener(kind, happened, { capture: true, passive: true, signal });
    }
    const keep = () => keepParts(window.sessionStorage, this.data.id, time.parts);
    const shownOrHidden = () => {
      if (document.visibilityState === "visible") {
        time.tick();
        return;
      }
      time.pause();
      keep();
      workbench.drafts.flush();
    };
    document.addEventListener("visibilitychange", shownOrHidden, { signal });
    window.addEventListener("pagehide", keep, { signal });
    window.addEventListener("online", () => workbench.drafts.flush(), { signal });
    document.addEventListener("focusin", () => workbench.fields.showCurrent(), { signal });
  }

  /** The item is left for another one in the same page. */
  close() {
    this.closing.abort();
  }

  /** The server has been heard of: signed in, and the item is held until then. */
  alive(until) {
    this.notices.hide("signed-out");
    this.showLease(until);
  }

  showLease(until) {
    const text = gettext("Kept for you until %(time)s", { time: clock(until) });
    for (const place of this.root.querySelectorAll("[data-lease]")) place.textContent = text;
  }

  lost(result) {
    const link = { href: window.location.href, text: gettext("Open this item again") };
    this.notices.show("lost", result.message, { kind: "danger", link });
    this.flow.block();
  }

  signedOut() {
    const text = gettext("You are signed out. Your work is kept here and is sent when you have signed in again.");
    this.notices.show("signed-out", text, { link: { href: this.urls.signIn, text: gettext("Sign in (opens another tab)") } });
  }
}

/** A name for this tab that a reload keeps; a duplicated tab gets its own on the next page. */
function tabName() {
  try {
    const name = window.sessionStorage.getItem("rubricate:tab") ?? randomKey();
    window.sessionStorage.setItem("rubricate:tab", name);
    return name;
  } catch {
    return randomKey();
  }
}
