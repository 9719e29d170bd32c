// Settling an item: lanes and cells fill the workbench in which annotators answer too; the server says what needs a reason.

import { request } from "../annotate/api.js";
import { SHOWN } from "../annotate/overlay.js";
import { REVIEWS, reviewsAsked } from "../annotate/proposals.js";
import { listen, remap, showKeys } from "../annotate/shortcuts.js";
import { Notices, SaveState } from "../annotate/status.js";
import { randomKey } from "../annotate/submit.js";
import { Workbench } from "../annotate/workbench.js";
import { gettext, ngettext } from "../i18n.js";
import { isSaid, isSamePart, partOf, withPart } from "./parts.js";

const root = document.querySelector("[data-adjudicate]");
const urls = root.dataset;
const walk = (selector) => {
  const link = document.querySelector(selector);
  if (link) window.location.assign(link.href);
  return Boolean(link);
};
const places = { j: () => walk("[data-following]"), k: () => walk("[data-previous]") };

if (urls.api) settle(JSON.parse(document.getElementById("settling").textContent));
else listen(places, () => urls.shortcuts === "true");

function settle(data) {
  const notices = new Notices(root);
  const saveState = new SaveState(document.querySelector("[data-save-state]"));
  const questions = new Map(data.questions.map((question) => [question.key, question]));
  questions.set(REVIEWS, reviewsAsked(""));
  const cells = [...root.querySelectorAll("[data-take-part]")];
  const button = root.querySelector("[data-submit]");
  const reason = root.querySelector("[data-reason]");
  const reasonError = root.querySelector("[data-reason-error]");
  const sent = { key: null, text: null };
  // Marks on which people do not agree: none at all is an answer only once somebody meant it.
  const undecided = new Set(data.undecided);
  let isBusy = false;

  class Settling extends Workbench {
    /** Whoever settles saw what everybody said: what was shown of a model is no part of it. */
    get answer() {
      const { [SHOWN]: _, ...answer } = super.answer;
      return answer;
    }

    render() {
      super.render();
      for (const cell of cells) {
        const { question, name, values } = data.parts[Number(cell.dataset.takePart)];
        const value = values[Number(cell.dataset.ofLane)];
        const now = partOf(this.answer, questions.get(question), name);
        if (isSaid(now)) undecided.delete(Number(cell.dataset.takePart));
        if (undecided.has(Number(cell.dataset.takePart))) {
          cell.setAttribute("aria-pressed", "false");
          continue;
        }
        cell.setAttribute("aria-pressed", String(value !== null && isSamePart(now, value)));
      }
    }
  }

  const workbench = new Settling(root, { ...data, id: `adjudication-${data.id}` }, {
    tab: "settling",
    // Nobody else sees what is not settled yet: it is kept in this browser.
    api: {
      draft: async () => ({ kind: "ok", data: { revision: 0, saved_at: new Date().toISOString() } }),
      // Of the models only what they marked: it came with the page.
      overlay: async () => ({ kind: "ok", data: { sources: [], marks: data.marks } }),
    },
    on: {
      state: (state) => {
        if (state === "saved") workbench.local.write({ answer: workbench.answer, revision: 0 });
        saveState.show(state);
      },
      restored: () => notices.show("restored", gettext("What you had begun here is back."), { kind: "info" }),
    },
  });

  // Nothing to be kept: the first showing would make a draft that nobody wrote.
  workbench.overlay.record = { shown: true, threshold: 0, sources: [] };

  const put = (answer) => workbench.push(workbench.read(answer));
  const takeLane = (at) => {
    if (data.lanes[at] === undefined) return false;
    undecided.clear();
    put(data.lanes[at].answer);
    return true;
  };
  const merge = () => put(data.merged);

  for (const head of root.querySelectorAll("[data-take-lane]")) {
    head.addEventListener("click", () => takeLane(Number(head.dataset.takeLane)));
  }
  for (const cell of cells) {
    cell.addEventListener("click", () => {
      const { question, name, values } = data.parts[Number(cell.dataset.takePart)];
      undecided.delete(Number(cell.dataset.takePart));
      put(withPart(workbench.answer, questions.get(question), name, values[Number(cell.dataset.ofLane)]));
    });
  }
  root.querySelector("[data-merge]").addEventListener("click", merge);
  root.querySelector("[data-undo]").addEventListener("click", () => workbench.undo());
  root.querySelector("[data-redo]").addEventListener("click", () => workbench.redo());
  root.querySelector("[data-missing]").addEventListener("click", () => workbench.fields.goToMissing());
  reason.addEventListener("input", () => sayReason(""));
  button.addEventListener("click", send);

  async function send() {
    if (isBusy) return;
    const missing = workbench.fields.missing;
    if (missing.length > 0) {
      workbench.fields.showErrors(Object.fromEntries(missing.map(({ question, part }) => [`${question}.${part}`, [gettext("Please answer this.")]])));
      workbench.fields.goToMissing();
      return;
    }
    if (undecided.size > 0) {
      notices.show("settle", leftOut([...undecided].map((place) => data.parts[place])));
      undecided.clear();
      workbench.render();
      return;
    }
    busy(true);
    notices.hide("settle");
    const body = {
      answer: workbench.answer,
      seen: data.lanes.map((lane) => lane.submission),
      standing: data.standing,
      reason: reason.value,
    };
    const text = JSON.stringify(body);
    if (sent.text !== text) Object.assign(sent, { key: randomKey(), text });
    const result = await request("POST", urls.api, { ...body, key: sent.key });
    if (result.kind === "ok") {
      workbench.drafts.finish();
      window.location.assign(result.data.next ?? urls.queue);
      return;
    }
    busy(false);
    refused(result);
  }

  /** In words: parts on which people do not agree, and that would be settled as nothing. */
  function leftOut(parts) {
    const where = parts.filter((part) => part.question !== REVIEWS).map((part) => part.name.replace("evidence/", ""));
    const n = parts.length - where.length;
    const words = [];
    if (where.length > 0) {
      words.push(gettext(
        "Nothing is marked in Response %(where)s, where people do not agree. Choose a cell, mark words, or settle again if that is meant.",
        { where: where.join(", ") },
      ));
    }
    if (n > 0) {
      words.push(ngettext(
        "On %(n)s span of a model people do not agree, and it is not decided. Choose a cell, decide, or settle again to leave it open.",
        "On %(n)s spans of a model people do not agree, and they are not decided. Choose a cell, decide, or settle again to leave them open.",
        n,
      ));
    }
    return words.join(" ");
  }

  function refused(result) {
    if (result.kind === "signed-out") {
      notices.show("settle", gettext("You are signed out. What you entered is kept here."), { link: { href: urls.signIn, text: gettext("Sign in (opens another tab)") } });
    } else if (result.code === "reason_needed") {
      sayReason(gettext("Say why: it goes against what people said in %(where)s.", { where: result.fields.departures.join(", ") }));
      reason.focus();
    } else if (result.kind === "offline") {
      notices.show("settle", gettext("%(problem)s What you entered is kept here: try again.", { problem: result.message }));
    } else if (result.status === 409) {
      notices.show("settle", result.message, { kind: "danger", link: { href: window.location.href, text: gettext("Open it again") } });
    } else {
      workbench.fields.showErrors(result.fields);
      const details = Object.values(result.fields).flat();
      notices.show("settle", details.length > 0 ? details.slice(0, 3).join(" ") : result.message, { kind: "danger" });
    }
  }

  function sayReason(words) {
    reasonError.textContent = words;
    reason.setAttribute("aria-invalid", String(words !== ""));
  }

  function busy(is) {
    isBusy = is;
    button.setAttribute("aria-disabled", String(is));
    button.querySelector("[data-label]").textContent = is ? gettext("Settling…") : button.dataset.text;
  }

  const marking = workbench.marking;
  const isInText = () => document.activeElement?.matches?.(".text-view");
  const isInQuestion = () => Boolean(document.activeElement?.closest?.("fieldset[data-question]"));
  const keys = JSON.parse(urls.keyMap);
  showKeys(document, keys);
  listen(
    remap({
      ...places,
      "Ctrl+Enter": () => send(),
      "Ctrl+z": () => workbench.undo(),
      "Ctrl+Shift+z": () => workbench.redo(),
      "Ctrl+y": () => workbench.redo(),
      m: () => merge(),
      t: () => marking?.enterText(),
      p: () => root.querySelector("#prompt").toggleAttribute("open"),
      Backspace: () => marking?.removeSelected() ?? false,
      Delete: () => marking?.removeSelected() ?? false,
      Escape: () => marking?.escape() ?? false,
      digit: (event) => {
        const digit = Number(event.key);
        if (marking?.digit(digit)) return true;
        if (isInText()) return false;
        return isInQuestion() ? workbench.fields.answer(event.key) : takeLane(digit - 1);
      },
      letter: (event) => isInQuestion() && workbench.fields.answer(event.key.toLowerCase()),
    }, keys),
    () => urls.shortcuts === "true" || isInText(),
  );
  root.dataset.ready = "true";
}
