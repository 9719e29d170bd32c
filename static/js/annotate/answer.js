// The answer as state: {choices: {question: {part: value}}, spans: [...]}; and as the server reads it.

import { kindOf, markType, partsOf, settled, stopOf } from "./kinds.js";
import { marksOf, sentMarks } from "./markable.js";

export const CONFIDENCE = "confidence";

/** The questions with one more where some ask how sure one is: a part for each of those. */
export function withConfidence(questions) {
  const of = questions.filter((question) => question.confidence).map((question) => question.key);
  return of.length > 0 ? [...questions, { key: CONFIDENCE, kind: CONFIDENCE, of, required: true }] : questions;
}

/** The state that a stored answer stands for. */
export function stateOf(answer, questions, viewOf) {
  const { spans, dropped } = marksOf(answer, questions, viewOf);
  const choices = {};
  for (const question of questions) {
    if (question.kind === "spans") continue;
    const { evidence, ...own } = answer?.[question.key] ?? {};
    choices[question.key] = question.kind === "stop" ? onlyNone(own) : own;
  }
  return { state: { choices, spans }, dropped };
}

/** The state with one choice made, or taken back where `value` is null; what it rules out goes. */
export function withChoice(state, question, part, value) {
  const key = question.key ?? question;
  const choices = { ...state.choices[key] };
  if (value === null) delete choices[part];
  else choices[part] = value;
  const own = question.kind ? settled(question, choices, part) : choices;
  const spans = question.kind === "stop" ? withoutStop(state.spans, question, part) : state.spans;
  return { ...state, spans, choices: { ...state.choices, [key]: own } };
}

/** The state with other marks: a response that is stopped somewhere does not go on to its end. */
export function withMarks(state, questions, spans) {
  const choices = { ...state.choices };
  for (const question of questions.filter((one) => one.kind === "stop")) {
    const left = Object.entries(choices[question.key] ?? {}).filter(([label]) => !stopOf(spans, question, label));
    choices[question.key] = Object.fromEntries(left);
  }
  return { ...state, spans, choices };
}

/** What the server is sent. */
export function answerOf(state, questions, viewOf) {
  const answer = {};
  for (const question of questions) {
    const marks = sentMarks(question, state.spans, viewOf);
    const own = { ...state.choices[question.key] };
    if (question.kind === "spans") answer[question.key] = marks;
    else if (question.kind === "stop") answer[question.key] = { ...own, ...placesOf(marks) };
    else if (marks.length > 0) answer[question.key] = { ...own, evidence: marks };
    // What a model marked and nobody spoke of is not part of an answer.
    else if (question.kind !== "proposals" || Object.keys(own).length > 0) answer[question.key] = own;
  }
  return answer;
}

/** Whether one part of a question is answered. */
export function isAnswered(state, question, part, labels) {
  const value = state.choices[question.key]?.[part];
  return kindOf(question).isAnswered(value, { question, part, labels, spans: state.spans });
}

/** What must still be answered, in the order asked: [{question, part}]. */
export function missingFrom(state, questions, labels) {
  return questions
    .flatMap((question) =>
      partsOf(question, labels, state.choices[question.key]).map((part) => ({ asked: question, part })),
    )
    .filter(({ asked, part }) => isNeeded(state, questions, labels, asked, part))
    .filter(({ asked, part }) => !isAnswered(state, asked, part, labels))
    .map(({ asked, part }) => ({ question: asked.key, part }));
}

/** Whether anything has been answered at all. */
export function isEmpty(state) {
  return state.spans.length === 0 && Object.values(state.choices).every((parts) => Object.keys(parts).length === 0);
}

/** Whether two answers say the same, whatever the order of their keys. */
export function isSameAnswer(a, b) {
  return canonical(a) === canonical(b);
}

/** An optional question needs its other half once it is begun, and how sure one is once it is answered. */
function isNeeded(state, questions, labels, question, part) {
  if (question.kind !== CONFIDENCE) {
    const isHalf = question.kind === "best_worst" && Object.keys(state.choices[question.key] ?? {}).length > 0;
    return question.required || isHalf || (question.kind === "ranking" && isBegun(state, question));
  }
  const asked = questions.find((other) => other.key === part);
  return asked.kind === "spans" || asked.required || isBegun(state, asked);
}

function isBegun(state, question) {
  const has = Object.values(state.choices[question.key] ?? {}).some((value) => value.length !== 0);
  return has || state.spans.some((span) => span.type.startsWith(markType(question, "")));
}

function onlyNone(choices) {
  return Object.fromEntries(Object.entries(choices).filter(([, value]) => value === "none"));
}

function withoutStop(spans, question, label) {
  const stop = stopOf(spans, question, label);
  return stop ? spans.filter((span) => span !== stop) : spans;
}

function placesOf(marks) {
  return Object.fromEntries(
    marks.map(({ output, message, start, end, quote, text_sha256 }) => [
      output,
      { message, start, end, quote, text_sha256 },
    ]),
  );
}

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value && typeof value === "object") {
    const entries = Object.keys(value).sort();
    return `{${entries.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
  }
  return JSON.stringify(value ?? null);
}
