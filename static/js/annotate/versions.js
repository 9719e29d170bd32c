// Two versions of an answer held against each other: what was answered differently, and marks that only one has.

import { gettext } from "../i18n.js";

const NOTHING = "–";

/**
 * What two states say differently, in the order asked.
 *
 * @param mine, theirs  states of answer.js
 * @param questions     as the server sent them
 * @param quoteOf       (span) => the words that it marks
 * @returns [{asked, mine, theirs}] in words
 */
export function differences(mine, theirs, questions, quoteOf) {
  const choices = questions.flatMap((question) => choicesApart(question, mine, theirs));
  return [...choices, ...marksApart(mine.spans, theirs.spans, quoteOf)];
}

/** A value of any kind of question in words: an order as "A > B = C", ticks as "A, C". */
export function inWords(value) {
  if (value === undefined || value === null || value === "") return NOTHING;
  if (value.decision) return [value.decision, value.quote && `“${value.quote}”`, value.type].filter(Boolean).join(" ");
  if (!Array.isArray(value)) return String(value).replaceAll("_", " ");
  if (value.length === 0) return gettext("none");
  return Array.isArray(value[0]) ? value.map((level) => level.join(" = ")).join(" > ") : value.join(", ");
}

function choicesApart(question, mine, theirs) {
  const [here, there] = [mine.choices[question.key] ?? {}, theirs.choices[question.key] ?? {}];
  const parts = [...new Set([...Object.keys(here), ...Object.keys(there)])].sort();
  return parts
    .map((part) => ({ asked: `${question.prompt ?? question.key} (${part})`, mine: inWords(here[part]), theirs: inWords(there[part]) }))
    .filter((row) => row.mine !== row.theirs);
}

function marksApart(mine, theirs, quoteOf) {
  const rows = new Map();
  const add = (spans, side) => {
    for (const span of spans) {
      const place = [span.output, span.message, span.start, span.end, span.type].join(":");
      const row = rows.get(place) ?? { asked: gettext("Mark “%(quote)s”", { quote: quoteOf(span) }), mine: NOTHING, theirs: NOTHING };
      // The type without the question that it belongs to.
      row[side] = [span.type.split(":").at(-1), span.severity, span.comment].filter(Boolean).join(" · ").replaceAll("_", " ");
      rows.set(place, row);
    }
  };
  add(mine, "mine");
  add(theirs, "theirs");
  return [...rows.values()].filter((row) => row.mine !== row.theirs);
}
