// What each kind of question asks, part by part: which parts there are, what a choice of the page means, when a part is
// answered. Nothing here touches the page.

import { isWhole } from "./ranking.js";

const asIs = (value) => value;
const orNumber = (value) => (value === "na" ? value : Number(value));
const each = (labels, names) => labels.flatMap((label) => names.map((name) => `${label}/${name}`));

/** The mark by which a question of this kind is answered in the text: `<question>:<type>`. */
export const markType = (question, type) => `${question.key}:${type}`;

const PLAIN = { parts: () => [], read: asIs, isAnswered: (value) => value !== undefined && value !== null };

const KINDS = {
  rating: { parts: (question, labels) => labels, read: orNumber },
  comparison: { parts: (question) => question.pairs.map((pair) => pair.name) },
  checklist: { parts: (question, labels) => each(labels, question.criteria.map((one) => one.key)), read: orNumber },
  ranking: { parts: () => ["order"], isAnswered: (order, { labels }) => Boolean(order) && isWhole(order, labels) },
  best_worst: { parts: () => ["best", "worst"], settle: twoPicks },
  tick: { parts: () => ["good"] },
  steps: { parts: openSteps, read: Number, settle: upToTheError },
  stop: {
    parts: (question, labels) => labels,
    isAnswered: (value, { question, part, spans }) => value !== undefined || Boolean(stopOf(spans, question, part)),
  },
  edit: { parts: (question, labels) => labels },
  critique: {
    parts: (question, labels) => each(labels, question.voices),
    isAnswered: (value) => Boolean(value?.trim()),
  },
  confidence: { parts: (question) => question.of, read: Number },
};

export const kindOf = (question) => ({ ...PLAIN, ...KINDS[question.kind] });

/** The parts that a question asks about, given what has been answered of it so far. */
export function partsOf(question, labels, choices = {}) {
  return kindOf(question).parts(question, labels, choices);
}

/** The choices of a question after one was made: what it rules out is taken back. */
export function settled(question, choices, part) {
  return kindOf(question).settle?.(question, choices, part) ?? choices;
}

/** Where a response is to be stopped, or undefined. */
export function stopOf(spans, question, label) {
  return spans.find((span) => span.output === label && span.type === markType(question, "stop"));
}

/** Which steps are past the first wrong one and not asked about: a set of parts. */
export function pastSteps(question, choices) {
  const past = new Set();
  if (question.mode !== "first_error") return past;
  for (const [label, cuts] of Object.entries(question.cuts)) {
    let hasError = false;
    for (let step = 0; step < cuts.length; step += 1) {
      const part = `${label}/${step}`;
      if (hasError) past.add(part);
      hasError ||= choices[part] === -1;
    }
  }
  return past;
}

function openSteps(question, labels, choices) {
  const past = pastSteps(question, choices);
  const parts = labels.flatMap((label) => question.cuts[label].map((cut, step) => `${label}/${step}`));
  return parts.filter((part) => !past.has(part));
}

function upToTheError(question, choices) {
  const past = pastSteps(question, choices);
  return Object.fromEntries(Object.entries(choices).filter(([part]) => !past.has(part)));
}

/** The best response is not the worst as well: the newer pick stands. */
function twoPicks(question, choices, part) {
  if (choices.best === undefined || choices.best !== choices.worst) return choices;
  return { [part]: choices[part] };
}
