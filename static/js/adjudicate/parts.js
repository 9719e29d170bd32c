// An answer in parts, as the server compares them: what is said about one response, pair, criterion or step.

const EVIDENCE = "evidence/";

/** What an answer says about a part; null where nothing. */
export function partOf(answer, question, name) {
  const own = answer?.[question.key];
  if (question.kind === "spans") return (own ?? []).filter((span) => span.output === name);
  if (name.startsWith(EVIDENCE)) return (own?.evidence ?? []).filter((span) => span.output === name.slice(EVIDENCE.length));
  return own?.[name] ?? null;
}

/** The answer with a part said otherwise; null takes it away. */
export function withPart(answer, question, name, value) {
  const own = answer?.[question.key];
  if (question.kind === "spans") {
    const others = (own ?? []).filter((span) => span.output !== name);
    return { ...answer, [question.key]: [...others, ...(value ?? [])] };
  }
  if (name.startsWith(EVIDENCE)) {
    const others = (own?.evidence ?? []).filter((span) => span.output !== name.slice(EVIDENCE.length));
    return { ...answer, [question.key]: { ...own, evidence: [...others, ...(value ?? [])] } };
  }
  const { [name]: _, ...rest } = own ?? {};
  return { ...answer, [question.key]: value === null ? rest : { ...rest, [name]: value } };
}

/** Whether a part says anything: marks that were set, or a decision on a model's span. */
export const isSaid = (value) => (Array.isArray(value) ? value.length > 0 : Boolean(value?.decision));

/** Whether two people said the same about a part, to the letter; words about a span do not count. */
export function isSamePart(a, b) {
  return canonical(a) === canonical(b);
}

function canonical(value) {
  if (Array.isArray(value)) {
    const entries = value.map(canonical);
    // A ranking's places have an order; spans, and tied or ticked responses, have none.
    return `[${(value.every(Array.isArray) ? entries : entries.sort()).join(",")}]`;
  }
  if (value && typeof value === "object") {
    return ["decision", "output", "message", "start", "end", "type", "severity"].map((name) => JSON.stringify(value[name] || 0)).join(":");
  }
  return JSON.stringify(value ?? null);
}
