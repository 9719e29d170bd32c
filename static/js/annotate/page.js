// The annotation page: puts the parts together. Data comes as JSON in the page, answers go to the API.

import { gettext } from "../i18n.js";
import { ActiveTime, keepParts, partOf, readParts } from "./active_time.js";
import { request } from "./api.js";
import { BreakHint } from "./break_hint.js";
import { Flow } from "./flow.js";
import { Lease } from "./lease.js";
import { LookBack } from "./look_back.js";
import { meant, Reports } from "./reports.js";
import { listen, remap, showKeys } from "./shortcuts.js";
import { clock, Notices, SaveState } from "./status.js";
import { randomKey } from "./submit.js";
import { Workbench } from "./workbench.js";

const root = document.querySelector("[data-annotate]");
const data = JSON.parse(document.getElementById("assignment").textContent);
const urls = root.dataset;
const notices = new Notices(root);
const saveState = new SaveState(document.querySelector("[data-save-state]"));
const time = new ActiveTime(data.active_ms, readParts(window.sessionStorage, data));
const post = (name, body, options) => request("POST", `${urls.api}/${name}`, body, options);

const workbench = new Workbench(root, data, {
  tab: tabName(),
  api: {
    draft: async (draft) => {
      const result = await request("PUT", `${urls.api}/draft`, { ...draft, active_ms: time.milliseconds });
      if (result.kind === "error" && result.code !== "draft_conflict") lost(result);
      if (result.kind === "signed-out") signedOut();
      if (result.kind === "ok") alive(result.data.lease_until);
      // Signed out is like offline: it goes on by itself after signing in again elsewhere.
      return result.kind === "signed-out" ? { kind: "offline" } : result;
    },
    assignment: () => request("GET", urls.api),
    overlay: () => post("overlay"),
  },
  on: {
    state: (state, detail) => saveState.show(state, detail),
    restored: (text) => notices.show("restored", text, { kind: "info" }),
  },
});

const lease = new Lease({
  post,
  activeMs: () => time.milliseconds,
  onLost: (result) => lost(result),
  onSignedOut: () => signedOut(),
  onAlive: (until) => alive(until),
  isEmpty: () => workbench.isEmpty && !workbench.drafts.isDirty && data.draft === null,
});

const flow = new Flow(root, { workbench, lease, notices, time, post, urls, signedOut });

const lookBack = new LookBack({
  link: () => document.querySelector("[data-look-back]"),
  drafts: workbench.drafts,
  lease,
  notices,
  // A mark that is being set would be gone.
  isBusy: () => flow.isBusy || Boolean(workbench.marking?.pending),
});
document.querySelector("[data-look-back]")?.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  lookBack.start();
});

const reports = new Reports(document, { post, notices, signedOut, meant: () => meant(workbench) });
const hasResponse = (letter) => workbench.labels.includes(letter);

if (data.draft) saveState.show("saved", { saved_at: data.draft.saved_at });

const rest = new BreakHint(window.sessionStorage, {
  onHint: (minutes) => {
    const text = gettext(
      "You have worked for %(minutes)s minutes without a rest. A short break keeps judgments even; your work is saved.",
      { minutes },
    );
    notices.show("rest", text, { kind: "info" });
  },
});
const happened = (event) => {
  // A key that is pressed nowhere in particular answers the lit question.
  const isBare = event.type === "keydown" && event.target === document.body;
  time.tick(partOf(isBare ? workbench.fields.current() : event.target));
  rest.tick();
};
for (const kind of ["pointerdown", "keydown", "scroll", "pointermove"]) {
  window.addEventListener(kind, happened, { capture: true, passive: true });
}
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") time.tick();
  else {
    time.pause();
    keepParts(window.sessionStorage, data.id, time.parts);
    workbench.drafts.flush();
  }
});
window.addEventListener("pagehide", () => keepParts(window.sessionStorage, data.id, time.parts));
window.addEventListener("online", () => workbench.drafts.flush());
document.addEventListener("focusin", () => workbench.fields.showCurrent());

const openDialog = (id) => document.getElementById(id).showModal();
const marking = workbench.marking;
const isInText = () => document.activeElement?.matches?.(".text-view");

const keys = JSON.parse(urls.keyMap);
showKeys(document, keys);
listen(
  remap({
    "Ctrl+Enter": () => flow.submit(),
    // By itself only where one thing is asked, and where it does not press or open what has the focus.
    Enter: (event) => {
      const isElsewhere = event.target.closest?.("button, a, summary, select, .text-view");
      if (isElsewhere || marking || workbench.fields.fieldsets.length !== 1) return false;
      return flow.submit();
    },
    "Ctrl+s": () => workbench.drafts.flush(),
    "Ctrl+z": () => workbench.undo(),
    "Ctrl+Shift+z": () => workbench.redo(),
    "Ctrl+y": () => workbench.redo(),
    "?": () => openDialog("shortcuts-dialog"),
    g: () => openDialog("guidelines-dialog"),
    // Where a response has the letter, or nothing of a model is shown, it chooses the response.
    h: (event) =>
      (event.key === "h" && workbench.labels.includes("H")) || !workbench.overlay.isThere
        ? !isInText() && workbench.fields.answer("h")
        : workbench.overlay.toggle(),
    // Training and right answers have no Skip.
    s: () => root.querySelector('[data-dialog-open="skip-dialog"]')?.click(),
    // Where a response has the letter, it chooses the response.
    f: (event) => (event.key === "f" && hasResponse("F") ? !isInText() && workbench.fields.answer("f") : reports.open("flag")),
    c: (event) => (event.key === "c" && hasResponse("C") ? !isInText() && workbench.fields.answer("c") : reports.open("help")),
    ArrowLeft: () => lookBack.start(),
    p: () => root.querySelector("#prompt").toggleAttribute("open"),
    t: () => marking?.enterText(),
    j: () => workbench.fields.step(1),
    k: () => workbench.fields.step(-1),
    "]": () => workbench.layout.next(1),
    "[": () => workbench.layout.next(-1),
    Backspace: () => marking?.removeSelected() ?? false,
    Delete: () => marking?.removeSelected() ?? false,
    Escape: () => marking?.escape() ?? false,
    digit: (event) => marking?.digit(Number(event.key)) || (!isInText() && workbench.fields.answer(event.key)),
    n: () => !isInText() && workbench.fields.answer("n"),
    letter: (event) => !isInText() && workbench.fields.answer(event.key.toLowerCase()),
  }, keys),
  // In a focused text the keys belong to it, which needs no switch.
  () => root.dataset.shortcuts === "true" || isInText(),
);

root.querySelector("[data-undo]").addEventListener("click", () => workbench.undo());
root.querySelector("[data-redo]").addEventListener("click", () => workbench.redo());
root.querySelector("[data-missing]").addEventListener("click", () => workbench.fields.goToMissing());
showLease(data.lease_until);
root.dataset.ready = "true";

/** The server has been heard of: signed in, and the item is held until then. */
function alive(until) {
  notices.hide("signed-out");
  showLease(until);
}

function showLease(until) {
  root.querySelector("[data-lease]").textContent = gettext("Kept for you until %(time)s", { time: clock(until) });
}

function lost(result) {
  notices.show("lost", result.message, { kind: "danger", link: { href: window.location.href, text: gettext("Open this item again") } });
  flow.block();
}

function signedOut() {
  const text = gettext("You are signed out. Your work is kept here and is sent when you have signed in again.");
  notices.show("signed-out", text, { link: { href: urls.signIn, text: gettext("Sign in (opens another tab)") } });
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
