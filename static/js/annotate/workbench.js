// The answer in work: one history of states, drawn on every change and handed to the drafts.

import { gettext, ngettext } from "../i18n.js";
import { answerOf, isEmpty, isSameAnswer, stateOf, withChoice, withConfidence, withMarks } from "./answer.js";
import { Arrangement } from "./arrangement.js";
import { DraftKeeper, LocalDraft } from "./drafts.js";
import { History } from "./history.js";
import { Layout } from "./layout.js";
import { markable, oncePerResponse } from "./markable.js";
import { Marking } from "./marking.js";
import { Overlay, readShown, SHOWN } from "./overlay.js";
import { paint } from "./paint.js";
import { decisionsOn, Proposals, REVIEWS, reviewsAsked } from "./proposals.js";
import { Questions } from "./questions.js";
import { Reading } from "./reading.js";
import { Stages } from "./stages.js";
import { askVersion, describe } from "./status.js";
import { differences } from "./versions.js";
import { buildViews, fillSteps, findView, startOf } from "./views.js";

export class Workbench {
  /**
   * @param root     the page
   * @param data     the assignment as the server sent it
   * @param api      {draft, assignment, overlay}: requests
   * @param on       {state(name, detail), restored(text)}
   * @param signal   of an AbortController, aborted when the item is left; none where it never is
   */
  constructor(root, data, { api, on, tab, signal }) {
    Object.assign(this, { root, data, api, on });
    const spansAsked = data.questions.find((question) => question.kind === "spans");
    const asked = withConfidence(data.questions);
    this.questions = data.overlay && spansAsked ? [...asked, reviewsAsked(gettext("What a model marked"))] : asked;
    this.labels = data.outputs.map((output) => output.label);
    const types = markable(this.questions);
    this.views = buildViews(data, root, { canMark: types.length > 0 });
    fillSteps(data, root);
    this.viewOf = (output, message) => findView(this.views, output, message);
    this.layout = new Layout(root);
    this.arrangement = new Arrangement(root, data.outputs);
    this.reading = new Reading(root);
    const onReveal = (label) => this.layout.reveal(label);
    this.fields = new Questions(root, this.questions, this.labels, {
      onChoice: (question, part, value, burst) => this.push(withChoice(this.state, question, part, value), burst),
      onReveal,
      onAim: (type, label, onDone) => this.marking.aim(type, label, onDone),
      textOf: (label, message) => this.viewOf(label, message).text,
      startOf: (label) => startOf(data.outputs.find((output) => output.label === label)),
      quoteOf: (span) => this.quoteOf(span),
    });
    this.proposals = data.overlay && spansAsked ? this.newProposals(root, spansAsked) : null;
    this.marking = types.length === 0 ? null : new Marking(root, types, this.views, {
        getSpans: () => this.state.spans,
        getHeat: () => this.overlay.shown,
        proposals: this.proposals && {
          getSpans: () => (this.overlay.isOn ? this.proposals.spans : []),
          decisions: this.proposals.decisions,
          decide: (id, decision) => this.proposals.decide(id, decision),
        },
        getStages: () => this.stages,
        signal,
        setSpans: (list, burst) => {
          const spans = oncePerResponse(this.state.spans, list, types);
          this.push(withMarks(this.state, this.questions, spans), burst);
        },
        onReveal: (label) => {
          this.reading.show("raw");
          onReveal(label);
        },
      });
    this.local = new LocalDraft(window.localStorage, data.id, tab);
    this.drafts = new DraftKeeper({
      send: (draft) => this.api.draft(draft),
      store: this.local,
      revision: data.draft?.revision ?? 0,
      onState: (state, detail) => this.drafted(state, detail),
    });
    this.history = new History(this.read(data.draft?.answer));
    this.stages = new Stages(root.querySelector("[data-stage-bar]"), data.later ?? [], this.fields, () => this.finishFirst());
    this.overlay = new Overlay(root, data.overlay ?? null, readShown(data.draft?.answer), {
      views: this.views,
      fetch: () => this.api.overlay(),
      isEmpty: () => this.isEmpty,
      save: () => this.drafts.flush(),
      onMarks: (marks) => this.takeMarks(marks),
      onPaint: () => this.paintTexts(),
      // Values stand under the words as stored, not under rendered ones.
      onShow: () => this.reading.show("raw"),
      onRecord: () => this.drafts.change(this.answer),
      signal,
    });
    this.render();
    this.restoreLeftovers();
    this.stages.begin(this.state);
    this.overlay.begin();
  }

  newProposals(root, question) {
    return new Proposals(root, question, {
      getChoices: () => this.state.choices[REVIEWS] ?? {},
      choose: (id, decision, burst = null) => {
        // In a study of the order they come with the question that asks for spans.
        if (this.stages.waiting.includes(question.key)) this.stages.point();
        else this.push(withChoice(this.state, { key: REVIEWS }, String(id), decision), burst);
      },
      viewOf: this.viewOf,
      onJump: (span) => {
        this.reading.show("raw");
        this.marking.jump(span);
      },
      onPlace: (output, onPlace) => {
        this.reading.show("raw");
        this.marking.place({ output, onPlace });
      },
    });
  }

  /** The spans that models marked, which came with what they gave the words. */
  takeMarks(marks) {
    if (!this.proposals) return;
    this.proposals.load(marks);
    const choices = this.state.choices[REVIEWS] ?? {};
    const kept = decisionsOn(marks, choices);
    if (Object.keys(kept).length === Object.keys(choices).length) return;
    this.push({ ...this.state, choices: { ...this.state.choices, [REVIEWS]: kept } });
    this.on.restored(gettext("A model’s span that you had decided on is no longer there."));
  }

  get state() {
    return this.history.state;
  }

  get answer() {
    const answer = answerOf(this.state, this.questions, this.viewOf);
    return this.overlay.record.shown ? { ...answer, [SHOWN]: this.overlay.record } : answer;
  }

  quoteOf(span) {
    return this.viewOf(span.output, span.message).offsets.slice(span.start, span.end);
  }

  get isEmpty() {
    return isEmpty(this.state);
  }

  /** A new state: drawn, kept here, and on its way to the server. */
  push(state, burst = null) {
    this.history.push(state, burst);
    this.render();
    this.drafts.change(this.answer);
  }

  undo() {
    this.walk(this.history.undo());
  }

  redo() {
    this.walk(this.history.redo());
  }

  walk(moved) {
    if (!moved) return;
    this.marking?.cancel();
    this.render();
    this.drafts.change(this.answer);
  }

  render() {
    this.fields.render(this.state);
    this.marking?.render();
    this.overlay.render();
    this.proposals?.render(this.overlay.isOn);
    this.root.querySelector("[data-undo]").disabled = !this.history.canUndo;
    this.root.querySelector("[data-redo]").disabled = !this.history.canRedo;
    const missing = this.fields.missing.length;
    const words = missing === 0 ? gettext("All answered") : ngettext("%(n)s left to answer", "%(n)s left to answer", missing);
    const button = this.root.querySelector("[data-missing]");
    button.textContent = words;
    button.classList.toggle("is-complete", missing === 0);
  }

  /** The second part opens when the server knows that the first is finished; where it cannot be told, that is said. */
  async finishFirst() {
    this.drafts.change(this.answer);
    const isKnown = await this.drafts.flush();
    if (!isKnown) this.on.restored(gettext("The second part opens once what you answered is saved. Try again when it is."));
    return isKnown;
  }

  /** The texts and the steps cut from them, with or without what a model gave them. */
  paintTexts() {
    const heat = this.overlay.shown;
    this.proposals?.render(this.overlay.isOn);
    if (this.marking) this.marking.render();
    else for (const view of this.views) paint(view, [], { types: new Map(), selected: null, pending: null, heat });
    for (const element of this.root.querySelectorAll("[data-step-of]")) {
      const { stepOf, message, start, end } = element.dataset;
      const view = this.viewOf(stepOf, Number(message));
      const bounds = [Number(start), Number(end)];
      element.replaceChildren(heat ? heat.nodeOf(view, ...bounds) : view.offsets.slice(...bounds));
    }
  }

  read(answer) {
    const { state, dropped } = stateOf(answer, this.questions, this.viewOf);
    if (dropped > 0) this.on.restored(droppedWords(dropped));
    return state;
  }

  /** What an earlier page could not send, for example because it was offline when it was closed. */
  restoreLeftovers() {
    const [newest] = this.local.takeLeftovers();
    const stored = this.data.draft;
    if (!newest || isSameAnswer(newest.answer, stored?.answer)) return;
    this.history.push(this.read(newest.answer));
    if (newest.answer?.[SHOWN]) this.overlay.record = readShown(newest.answer);
    this.render();
    this.drafts.revision = newest.revision;
    this.drafts.change(this.answer);
    this.on.restored(gettext("Restored what had not reached the server."));
  }

  drafted(state, detail) {
    this.on.state(state, detail);
    if (state === "conflict") this.settle();
  }

  /** Two windows changed the item: ask, and keep the other version one undo away. */
  async settle() {
    const result = await this.api.assignment();
    if (result.kind !== "ok" || !result.data.draft) {
      this.on.state("offline");
      setTimeout(() => this.settle(), 5000);
      return;
    }
    const { answer, revision, saved_at: savedAt } = result.data.draft;
    if (isSameAnswer(answer, this.answer)) {
      this.drafts.takeTheirs(answer, revision, savedAt);
      return;
    }
    if (this.drafts.unheard.some((sent) => isSameAnswer(sent, answer))) {
      // No other window: our own draft arrived, and the answer to it was lost.
      await this.drafts.keepMine(revision);
      return;
    }
    const mine = this.state;
    const theirs = this.read(answer);
    const dialog = document.getElementById("version-dialog");
    const rows = differences(mine, theirs, this.questions, (span) => this.quoteOf(span));
    const choice = await askVersion(dialog, { mine: describe(mine), theirs: describe(theirs), savedAt, rows });
    this.history.push(theirs);
    if (choice === "mine") this.history.push(mine);
    this.render();
    if (choice === "mine") await this.drafts.keepMine(revision);
    else this.drafts.takeTheirs(this.answer, revision, savedAt);
  }
}

function droppedWords(n) {
  return ngettext(
    "%(n)s of the saved marks does not fit these texts and was left out.",
    "%(n)s of the saved marks do not fit these texts and were left out.",
    n,
  );
}
