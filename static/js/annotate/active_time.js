// How long the person has worked on the item, and on which of its parts: time counts while the page is visible and
// something happened lately. It belongs to the part that was last pointed at, scrolled or typed in.

const IDLE_MS = 60_000;

/** The part of the page that an element belongs to, as the server knows it; null where it belongs to none. */
export function partOf(element) {
  const closest = (selector) => element?.closest?.(selector);
  const question = closest("[data-question]");
  if (question) return `question:${question.dataset.question}`;
  const response = closest("[data-response]");
  if (response) return `response:${response.dataset.response}`;
  if (closest("#prompt")) return "prompt";
  return closest("#guidelines-dialog") ? "guidelines" : null;
}

export class ActiveTime {
  /**
   * @param soFar  milliseconds, as the server has them
   * @param kept   {part: milliseconds}, as an earlier page kept them
   */
  constructor(soFar, kept = {}, now = () => performance.now()) {
    this.spent = new Map(Object.entries(kept));
    const inParts = [...this.spent.values()].reduce((sum, value) => sum + value, 0);
    // The server was told last some seconds before the earlier page was left.
    this.rest = Math.max(0, soFar - inParts);
    this.now = now;
    this.last = null;
    this.at = null;
  }

  /** Something happened: a key, a pointer, a scroll; at `part`, or at none in particular. */
  tick(part = null) {
    const now = this.now();
    if (this.last !== null) this.add(Math.min(now - this.last, IDLE_MS));
    this.last = now;
    this.at = part ?? this.at;
  }

  /** The page is hidden: nothing counts until the next tick. */
  pause() {
    this.tick();
    this.last = null;
  }

  /** Milliseconds, whole. */
  get milliseconds() {
    const open = this.last === null ? 0 : Math.min(this.now() - this.last, IDLE_MS);
    return Math.round([...this.spent.values()].reduce((sum, value) => sum + value, this.rest + open));
  }

  /** {part: milliseconds}: whole, and never more than the whole. */
  get parts() {
    return Object.fromEntries([...this.spent].map(([part, spent]) => [part, Math.floor(spent)]).filter(([, spent]) => spent > 0));
  }

  add(spent) {
    if (this.at === null) this.rest += spent;
    else this.spent.set(this.at, (this.spent.get(this.at) ?? 0) + spent);
  }
}

/** The parts of an item, by the names that the server knows. */
export function partsOf({ outputs, questions }) {
  const responses = outputs.map((output) => `response:${output.label}`);
  return ["prompt", "guidelines", ...responses, ...questions.map((question) => `question:${question.key}`)];
}

/** What an earlier page of this tab kept of an item's parts: whole numbers, of parts that the item still has. */
export function readParts(storage, { id, ...item }) {
  const known = new Set(partsOf(item));
  try {
    const kept = Object.entries(JSON.parse(storage.getItem(keptAs(id))) ?? {});
    return Object.fromEntries(kept.filter(([part, spent]) => known.has(part) && Number.isInteger(spent) && spent >= 0));
  } catch {
    return {};
  }
}

export function keepParts(storage, id, parts) {
  try {
    storage.setItem(keptAs(id), JSON.stringify(parts));
  } catch {
    // Storage is full or switched off: a reload begins the parts anew.
  }
}

const keptAs = (id) => `rubricate:time:${id}`;
