// Draws spans over a text. The text nodes together are always exactly the text: marks only wrap them.

import { rangeOf } from "./offsets.js";
import { segmentsOf } from "./spans.js";

/**
 * @param view      of views.js
 * @param spans     the spans of this view
 * @param types     Map of type key to {label, colour, severities}, the severities mildest first
 * @param selected  id of the selected span, or null
 * @param pending   [start, end] of what is being marked, or null
 * @param heat      of heat.js: values under the words, or null
 */
export function paint(view, spans, { types, selected, pending, heat = null }) {
  const nodes = segmentsOf(view.offsets.length, spans, pending ?? []).map((segment) => {
    const marks = segment.covering.map(({ span, lane }) => ({ span, node: markOf(span, lane, types) }));
    const titles = marks.map((mark) => mark.node.title).join(" · ");
    let node = wordsOf(view, segment, heat, titles);
    if (pending && pending[0] <= segment.start && segment.end <= pending[1]) {
      const wrap = document.createElement("span");
      wrap.className = "mark-pending";
      wrap.append(node);
      node = wrap;
    }
    // The lowest lane is innermost, so that the underlines stack below each other.
    for (const { span, node: mark } of marks) {
      if (span.id === selected) mark.setAttribute("aria-current", "true");
      mark.append(node);
      node = mark;
    }
    return node;
  });
  view.element.replaceChildren(...nodes);
}

function wordsOf(view, { start, end }, heat, titles) {
  return heat ? heat.nodeOf(view, start, end, titles) : document.createTextNode(view.offsets.slice(start, end));
}

/** Where a stretch stands on the screen: the box around its first line to its last. */
export function boxOf(view, start, end) {
  const range = rangeOf(view.element, view.offsets.toUtf16(start), view.offsets.toUtf16(end));
  const boxes = [...range.getClientRects()].filter((box) => box.width > 0);
  return boxes.at(-1) ?? range.getBoundingClientRect();
}

/** Bring a span into sight. */
export function scrollToSpan(view, id) {
  view.element.querySelector(`[data-span="${id}"]`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function markOf(span, lane, types) {
  const type = types.get(span.type);
  const severities = type?.severities ?? [];
  const severity = severities.findIndex((entry) => entry.key === span.severity);
  const mark = document.createElement("mark");
  mark.className = ["mark", markClass(span, type), `lane-${Math.min(lane, 6)}`].join(" ");
  mark.dataset.span = String(span.id);
  if (severity >= 0) mark.dataset.severity = String(severity + 1);
  const { source, type: told } = span.proposal ?? { type: span.type };
  const label = type?.label ?? told;
  mark.title = [source, label, severities[severity]?.label ?? "", span.comment].filter(Boolean).join(" · ");
  return mark;
}

/** What a model marked has the line alone; what was rejected hardly that. */
function markClass({ proposal }, type) {
  if (proposal?.decision === "rejected") return "mark-model mark-refused";
  return `${proposal ? "mark-model " : ""}mark-${type?.colour ?? 7}`;
}
