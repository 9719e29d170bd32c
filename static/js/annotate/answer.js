// The answer as state: {choices: {question: {part: value}}, spans: [...]}; and as the server reads it.

import { fromAnswer, toAnswer } from "./spans.js";

/** The state that a stored answer stands for. */
export function stateOf(answer, questions, viewOf) {
  const state = { choices: {}, spans: [] };
  let dropped = 0;
  for (const question of questions) {
    const value = answer?.[question.key];
    if (question.kind === "spans") {
      const read = fromAnswer(value, viewOf);
      state.spans = read.spans;
      dropped += read.dropped;
    } else {
      state.choices[question.key] = { ...(value ?? {}) };
    }
  }
  return { state, dropped };
}

/** The state with one choice made, or taken back where `value` is null. */
export function withChoice(state, question, part, value) {
  const choices = { ...state.choices[question] };
  if (value === null) delete choices[part];
  else choices[part] = value;
  return { ...state, choices: { ...state.choices, [question]: choices } };
}

/** What the server is sent. */
export function answerOf(state, questions, viewOf) {
  const answer = {};
  for (const question of questions) {
    answer[question.key] =
      question.kind === "spans"
        ? state.spans.map((span) => toAnswer(span, viewOf(span.output, span.message)))
        : { ...state.choices[question.key] };
  }
  return answer;
}

/** The parts that each question asks about: a response for a rating, a pair for a comparison. */
export function partsOf(question, labels) {
  if (question.kind === "rating") return labels;
  if (question.kind === "comparison") return question.pairs.map((pair) => pair.name);
  return [];
}

/** What must still be answered, in the order asked: [{question, part}]. */
export function missingFrom(state, questions, labels) {
  return questions
    .filter((question) => question.required)
    .flatMap((question) => partsOf(question, labels).map((part) => ({ question: question.key, part })))
    .filter(({ question, part }) => state.choices[question]?.[part] === undefined);
}

/** Whether anything has been answered at all. */
export function isEmpty(state) {
  return state.spans.length === 0 && Object.values(state.choices).every((parts) => Object.keys(parts).length === 0);
}

/** Whether two answers say the same, whatever the order of their keys. */
export function isSameAnswer(a, b) {
  return canonical(a) === canonical(b);
}

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value && typeof value === "object") {
    const entries = Object.keys(value).sort();
    return `{${entries.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
  }
  return JSON.stringify(value ?? null);
}
