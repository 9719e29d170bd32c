// The marked spans as data: lists are never changed in place, so that undo can keep every state. A span is
// {id, output, message, start, end, type, severity, comment} with offsets in code points.

/** Add a span; one with the same place and type is there already and is not added twice. */
export function addSpan(spans, span) {
  const twin = spans.find((other) => isSamePlace(other, span) && other.type === span.type);
  if (twin) return { spans, id: twin.id };
  const id = spans.reduce((highest, other) => Math.max(highest, other.id), 0) + 1;
  const added = { severity: "", comment: "", ...span, id };
  return { spans: [...spans, added].sort(byPlace), id };
}

/** Change some fields of a span. */
export function editSpan(spans, id, changes) {
  return spans.map((span) => (span.id === id ? { ...span, ...changes } : span)).sort(byPlace);
}

/** Take a span out. */
export function removeSpan(spans, id) {
  return spans.filter((span) => span.id !== id);
}

/** The spans of one message of one output. */
export function spansOf(spans, output, message) {
  return spans.filter((span) => span.output === output && span.message === message);
}

/** Where two spans overlap, the shorter one is on top: it is what a click means. */
export function topSpanAt(spans, position) {
  const here = spans.filter((span) => span.start <= position && position < span.end);
  return here.sort((a, b) => a.end - a.start - (b.end - b.start) || b.id - a.id)[0] ?? null;
}

/** The line below the text on which each span is drawn: the lowest that no overlapping span has. Map of id to 1, 2, ... */
export function lanesOf(spans) {
  const lanes = new Map();
  const placed = [];
  for (const span of [...spans].sort(byPlace)) {
    const taken = new Set(placed.filter((other) => overlaps(other, span)).map((other) => lanes.get(other.id)));
    let lane = 1;
    while (taken.has(lane)) lane += 1;
    lanes.set(span.id, lane);
    placed.push(span);
  }
  return lanes;
}

/** Cut 0..length where a span begins or ends, and at `cuts`; each piece knows its spans, lowest lane first. */
export function segmentsOf(length, spans, moreCuts = []) {
  const cuts = new Set([0, length, ...moreCuts]);
  for (const span of spans) {
    cuts.add(span.start);
    cuts.add(span.end);
  }
  const edges = [...cuts].sort((a, b) => a - b);
  const lanes = lanesOf(spans);
  const segments = [];
  for (let index = 0; index + 1 < edges.length; index += 1) {
    const [start, end] = [edges[index], edges[index + 1]];
    const covering = spans
      .filter((span) => span.start <= start && end <= span.end)
      .map((span) => ({ span, lane: lanes.get(span.id) }))
      .sort((a, b) => a.lane - b.lane);
    segments.push({ start, end, covering });
  }
  return segments;
}

/** What the server is told about a span: its words and its text's hash stand beside the offsets. */
export function toAnswer(span, view) {
  const { output, message, start, end, type, severity, comment } = span;
  const quote = view.offsets.slice(start, end);
  return { output, message, start, end, quote, text_sha256: view.sha256, type, severity, comment };
}

/** Spans of a stored answer, with ids; those that do not fit the texts shown are left out and counted. */
export function fromAnswer(entries, viewOf) {
  let spans = [];
  let dropped = 0;
  for (const entry of entries ?? []) {
    const view = viewOf(entry.output, entry.message);
    const fits = view && entry.start < entry.end && entry.end <= view.offsets.length;
    if (!fits || view.offsets.slice(entry.start, entry.end) !== entry.quote) {
      dropped += 1;
      continue;
    }
    const { output, message, start, end, type, severity, comment } = entry;
    spans = addSpan(spans, { output, message, start, end, type, severity: severity ?? "", comment: comment ?? "" }).spans;
  }
  return { spans, dropped };
}

function byPlace(a, b) {
  if (a.output !== b.output) return a.output < b.output ? -1 : 1;
  return a.message - b.message || a.start - b.start || b.end - a.end || a.id - b.id;
}

function isSamePlace(a, b) {
  return a.output === b.output && a.message === b.message && a.start === b.start && a.end === b.end;
}

function overlaps(a, b) {
  return a.start < b.end && b.start < a.end;
}
