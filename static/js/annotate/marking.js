// Marking: from a selection by mouse, touch or keyboard to a span with type and severity, and back again.

import { gettext } from "../i18n.js";
import { CaretMode } from "./caret.js";
import { Chooser } from "./chooser.js";
import { boxOf, paint, scrollToSpan } from "./paint.js";
import { PointerSelection } from "./select.js";
import { Snap } from "./snap.js";
import { SpanList } from "./span_list.js";
import { addSpan, editSpan, removeSpan, spansOf, topSpanAt } from "./spans.js";
import { findView } from "./views.js";
import { wordAt } from "./words.js";

export class Marking {
  /**
   * @param root      the page
   * @param types     what may be marked (markable.js)
   * @param views     of views.js
   * @param getSpans  () => spans
   * @param setSpans  (spans, burst) => void: one step of the history; it renders
   * @param getHeat   () => of heat.js, what is drawn under the words, or null
   * @param getStages () => of stages.js, which says what cannot be marked yet
   * @param proposals of proposals.js with getSpans(), [] where none are shown; or null
   * @param signal    of an AbortController: aborted when the item is left
   */
  constructor(root, types, views, { getSpans, setSpans, getHeat, onReveal, getStages, proposals = null, signal }) {
    Object.assign(this, { views, getSpans, setSpans, getHeat, onReveal, getStages, proposals });
    this.types = new Map(types.map((type) => [type.key, type]));
    this.lastType = types[0].key;
    this.pending = null;
    this.selected = null;
    this.aimed = null;
    this.placing = null;
    this.chooser = new Chooser(root.querySelector("[data-chooser]"), types, {
      onType: (key) => this.chooseType(key),
      onSeverity: (key) => this.chooseSeverity(key),
      onRemove: () => this.remove(this.selected),
    });
    this.list = new SpanList(root, types, {
      select: (id) => (id === this.selected ? this.cancel() : this.select(id, { scroll: true })),
      edit: (id, changes, burst = null) =>
        this.setSpans(
          editSpan(this.getSpans(), id, changes.type ? this.retyped(id, changes.type) : changes),
          burst,
        ),
      remove: (id) => this.remove(id),
    });
    const snap = new Snap(root, views);
    this.pointer = new PointerSelection(views, snap, {
      onSelect: (view, start, end, { isTap }) => this.begin(view, start, end, isTap),
      onClick: (view, position) => this.clicked(view, position),
      onAway: () => this.cancel(),
      signal,
    });
    const onMark = (view, start, end) => this.markByKey(view, start, end);
    this.caret = new CaretMode(views, snap, { onMark, signal });
  }

  render() {
    const spans = this.getSpans();
    if (!spans.some((span) => span.id === this.selected)) this.selected = null;
    const drawn = [...spans, ...this.proposed];
    for (const view of this.views) {
      paint(view, spansOf(drawn, view.output, view.message), {
        types: this.types,
        selected: this.selected,
        pending: this.pending?.view === view ? [this.pending.start, this.pending.end] : null,
        heat: this.getHeat(),
      });
    }
    this.list.render(spans, this.selected, (output, message) => findView(this.views, output, message));
  }

  /** What models marked, as far as it is shown. */
  get proposed() {
    return this.proposals?.getSpans() ?? [];
  }

  /** A digit: the type or severity that the panel offers, or the type of what the keyboard has selected. */
  digit(number) {
    if (this.chooser.digit(number)) return true;
    const type = [...this.types.values()][number - 1];
    if (!type || !this.caret.hasSelection) return false;
    const { view, bounds } = this.caret.stretch();
    this.add(view, ...bounds, type.key, { keepsCaret: true });
    return true;
  }

  /** Backspace or Delete: only ever the selected span. */
  removeSelected() {
    if (this.selected === null) return false;
    this.remove(this.selected);
    return true;
  }

  /** Leave the panel, the selection, the tap that was begun. */
  cancel() {
    const had = this.pending !== null || this.selected !== null || this.chooser.stage !== null;
    this.pending = null;
    this.selected = null;
    this.place(null);
    this.pointer.reset();
    this.chooser.close();
    if (had) this.render();
    return had;
  }

  /** Escape: as `cancel`, and where there is nothing to leave, out of the text. */
  escape() {
    if (this.cancel()) return true;
    const view = this.views.find((one) => one.element === document.activeElement);
    view?.element.blur();
    return Boolean(view);
  }

  /** Put the keyboard into the text of the next response. */
  enterText() {
    const at = this.views.findIndex((view) => view.element === document.activeElement);
    const view = this.views[(at + 1) % this.views.length];
    this.onReveal(view.output);
    view.element.focus({ focusVisible: true });
  }

  begin(view, start, end, isTap) {
    if (this.placed(view, start, end, isTap)) return;
    this.pending = { view, start, end };
    this.selected = null;
    this.render();
    const hint = isTap ? gettext("Or tap the last word of a longer passage.") : "";
    this.chooser.askType(boxOf(view, start, end), { hint, likely: this.aimed });
  }

  /** Let the next words that are selected in a response be told to `onPlace`; null ends it. */
  place(placing) {
    this.placing = placing;
    for (const view of this.views) {
      view.element.classList.toggle("is-placing", placing !== null && view.output === placing.output);
    }
    if (!placing) return;
    const view = this.views.find((one) => one.output === placing.output);
    this.onReveal(placing.output);
    view.element.focus({ focusVisible: true });
    view.element.scrollIntoView({ block: "nearest" });
  }

  /** Whether what was selected is the new place of a span; after a first tap a second one may still make it longer. */
  placed(view, start, end, isTap) {
    if (this.placing?.output !== view.output) return false;
    const { onPlace } = this.placing;
    if (!isTap) this.place(null);
    onPlace(view, start, end);
    return true;
  }

  /** Into the text of a response, to mark there for one question; `onDone` leads back by keyboard. */
  aim(type, output, onDone) {
    this.cancel();
    this.aimed = type;
    this.onAimed = onDone;
    this.lastType = type;
    const view = this.views.find((one) => one.output === output);
    this.onReveal(output);
    view.element.focus({ focusVisible: true });
    view.element.scrollIntoView({ block: "nearest" });
  }

  clicked(view, position) {
    const span = topSpanAt(spansOf(this.getSpans(), view.output, view.message), position);
    if (span && !this.placing) this.select(span.id);
    const proposed = span ? null : topSpanAt(spansOf(this.proposed, view.output, view.message), position);
    if (proposed && !this.placing) this.offerDecision(proposed);
    return !this.placing && Boolean(span ?? proposed);
  }

  /** What can be said of a span that a model marked, beside it. */
  offerDecision(span) {
    this.cancel();
    this.jump(span);
    const view = findView(this.views, span.output, span.message);
    this.chooser.askDecision(boxOf(view, span.start, span.end), {
      entries: this.proposals.decisions,
      title: view.element.querySelector(`[data-span="${span.id}"]`)?.title ?? "",
      current: span.proposal.decision,
      onDecide: (key) => {
        this.chooser.close();
        this.proposals.decide(-span.id, key);
      },
    });
  }

  /** Bring a span that a model marked into sight. */
  jump(span) {
    this.onReveal(span.output);
    scrollToSpan(findView(this.views, span.output, span.message), span.id);
  }

  select(id, { scroll = false } = {}) {
    const span = this.getSpans().find((other) => other.id === id);
    const view = findView(this.views, span.output, span.message);
    this.pending = null;
    this.pointer.reset();
    this.selected = id;
    this.render();
    if (scroll) {
      this.onReveal(span.output);
      scrollToSpan(view, id);
    }
    this.chooser.askType(boxOf(view, span.start, span.end), { current: span.type });
  }

  chooseType(key) {
    if (this.pending) {
      const { view, start, end } = this.pending;
      this.add(view, start, end, key, {});
      return;
    }
    this.lastType = key;
    this.setSpans(editSpan(this.getSpans(), this.selected, this.retyped(this.selected, key)));
    this.offerSeverity();
  }

  /** The changes that give a span another type: what that type does not ask goes. */
  retyped(id, type) {
    const span = this.getSpans().find((other) => other.id === id);
    const { severities, comments } = this.types.get(type);
    const severity = severities.some((entry) => entry.key === span.severity) ? span.severity : "";
    return { type, severity, comment: comments ? span.comment : "" };
  }

  chooseSeverity(key) {
    this.setSpans(editSpan(this.getSpans(), this.selected, { severity: key }));
    this.chooser.close();
  }

  markByKey(view, start, end) {
    if (this.placed(view, start, end, false)) return;
    if (this.pending) this.chooseType(this.lastType);
    else this.add(view, start, end, this.lastType, { keepsCaret: true });
  }

  add(view, from, to, type, { keepsCaret = false }) {
    if (this.getStages().holdsMark(type)) {
      this.cancel();
      this.getStages().point();
      return;
    }
    // A point is told by the word that begins there.
    const [start, end] = this.types.get(type).isPoint ? (wordAt(view.characters, from) ?? [from, from + 1]) : [from, to];
    const place = { output: view.output, message: view.message, start, end, type };
    const { spans, id } = addSpan(this.getSpans(), place);
    this.lastType = type;
    this.pending = null;
    this.pointer.reset();
    this.selected = id;
    if (spans === this.getSpans()) this.render();
    else this.setSpans(spans);
    if (keepsCaret) this.caret.place(view, end);
    this.offerSeverity();
    this.hit(type, keepsCaret);
  }

  /** What was aimed at is marked: by keyboard one goes back to the question, by hand one is there already. */
  hit(type, isByKey) {
    if (type !== this.aimed) return;
    this.aimed = null;
    if (isByKey) this.onAimed();
  }

  offerSeverity() {
    const span = this.getSpans().find((other) => other.id === this.selected);
    const { severities } = this.types.get(span.type);
    if (severities.length === 0) {
      this.chooser.close();
      return;
    }
    const view = findView(this.views, span.output, span.message);
    this.chooser.askSeverity(boxOf(view, span.start, span.end), { severities, current: span.severity });
  }

  remove(id) {
    this.chooser.close();
    this.selected = null;
    this.setSpans(removeSpan(this.getSpans(), id));
  }
}
