// Everything that may be marked in the texts, whichever question asks for it: types of spans, places to stop, evidence for
// criteria. In the page a type carries its question's key; the server is told the type alone.

import { gettext } from "../i18n.js";
import { markType } from "./kinds.js";
import { addSpan, fromAnswer, toAnswer } from "./spans.js";

const EVIDENCE_COLOUR = 5;
const STOP_COLOUR = 2;
const BARE = { severities: [], comments: false };

/** The types of all questions, those of spans first: [{key, label, description, colour, severities, comments, isPoint}]. */
export function markable(questions) {
  const order = ["spans", "stop", "checklist"];
  const asked = questions.filter((question) => order.includes(question.kind));
  asked.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  return asked.flatMap((question) => typesOf(question));
}

function typesOf(question) {
  if (question.kind === "spans") {
    const { severities, comments } = question;
    return question.types.map((type) => ({ ...type, key: markType(question, type.key), severities, comments }));
  }
  if (question.kind === "stop") {
    const key = markType(question, "stop");
    return [{ key, label: gettext("Stop here"), description: question.prompt, colour: STOP_COLOUR, ...BARE, isPoint: true }];
  }
  if (!question.evidence) return [];
  return question.criteria.map((one) => ({
    key: markType(question, one.key),
    label: gettext("Evidence: %(text)s", { text: one.text.length > 60 ? `${one.text.slice(0, 59)}…` : one.text }),
    description: one.text,
    colour: EVIDENCE_COLOUR,
    ...BARE,
  }));
}

/** The spans that stored answers stand for, with how many did not fit the texts. */
export function marksOf(answer, questions, viewOf) {
  let spans = [];
  let dropped = 0;
  for (const question of questions) {
    const read = fromAnswer(storedMarks(question, answer?.[question.key]), viewOf);
    dropped += read.dropped;
    for (const { id, ...span } of read.spans) {
      spans = addSpan(spans, { ...span, type: markType(question, span.type) }).spans;
    }
  }
  return { spans, dropped };
}

function storedMarks(question, value) {
  if (question.kind === "spans") return value;
  if (question.kind === "checklist") return value?.evidence;
  if (question.kind !== "stop") return [];
  const places = Object.entries(value ?? {}).filter(([, place]) => place !== "none");
  return places.map(([output, place]) => ({ ...place, output, type: "stop" }));
}

/** The marks of one question as the server is told them. */
export function sentMarks(question, spans, viewOf) {
  const prefix = markType(question, "");
  const own = spans.filter((span) => span.type.startsWith(prefix));
  return own.map((span) =>
    toAnswer({ ...span, type: span.type.slice(prefix.length) }, viewOf(span.output, span.message)),
  );
}

/** The marks after a change: a response is stopped once, at the place chosen last. */
export function oncePerResponse(before, spans, types) {
  const points = new Set(types.filter((type) => type.isPoint).map((type) => type.key));
  const known = new Set(before.map((span) => `${span.id}:${span.type}`));
  const fresh = spans.filter((span) => points.has(span.type) && !known.has(`${span.id}:${span.type}`));
  return spans.filter(
    (span) =>
      !points.has(span.type) ||
      fresh.includes(span) ||
      !fresh.some((other) => other.type === span.type && other.output === span.output),
  );
}
