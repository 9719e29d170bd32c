"""Where several answers to the same questions agree, and what they make together.

An answer falls into parts: what one person said about one output, pair, criterion or step. The rule by which two
answers to a part are the same depends on the kind of question and is stated in `RULES`:

- a rating, verdict, step label, comparison (its strength too), pick: the same value;
- a ranking: the same places, ties included; ticked outputs: the same set;
- spans and evidence: one to one of the same type and severity, on the same message, each two with an intersection over
  union of at least the threshold asked for; 1 asks for equal offsets;
- where to stop: the same word, or in both "goes on"; an edit: the same text;
- what is said of a model's span: the same decision; of changed ones the same type and severity, and places as of spans;
- critiques are words of one's own: they are shown beside each other and not compared.

An answer that one person gave and another left out differs. A model's span is the exception: nobody has to decide on
it, and whoever did not says nothing about it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Final, NamedTuple, Protocol

from annotations.protocols import ShownItem
from annotations.protocols.checklist import EVIDENCE
from rewards.reviews import Decision

Value = Any
"""What one person said about one part; None where nothing was said."""

EXACT = 1.0

REVIEWED: Final = "reviews"
"""The kind of a part that is a decision on a model's span."""


_ONE_OUTPUT: Final = {"output": ""}
"""A decision names the model's span, and that stands in one output."""


class Asked(Protocol):
    """A question, or what stands for the decisions on models' spans among them."""

    @property
    def key(self) -> str: ...

    @property
    def kind(self) -> str: ...


RULES: Final[Mapping[str, str]] = {
    "rating": "the same level",
    "comparison": "the same choice and strength",
    "checklist": "the same verdict; evidence as spans",
    "ranking": "the same places, ties included",
    "best_worst": "the same response",
    "tick": "the same set",
    "spans": "one to one of the same type and severity, overlapping enough",
    "steps": "the same label",
    "stop": "the same word, or both go on",
    "edit": "the same text",
    "critique": "not compared: words of one's own",
    REVIEWED: "the same decision by all who decided; of changed spans the same type and severity, overlapping enough",
}


class Part(NamedTuple):
    """One thing asked, and what each lane said about it.

    Attributes
    ----------
    question, kind, name : str
        The question's key and kind, and the part as its answer names it.
    values : tuple
        One for each lane.
    equal : tuple of tuple of bool
        Which lanes said the same, symmetric.
    is_compared : bool
        False for words of one's own.
    """

    question: str
    kind: str
    name: str
    values: tuple[Value, ...]
    equal: tuple[tuple[bool, ...], ...]
    is_compared: bool = True

    @property
    def heard(self) -> list[int]:
        """The lanes that are compared: all of them, of a model's span those that decided on it."""
        return [at for at, value in enumerate(self.values) if self.kind != REVIEWED or value is not None]

    @property
    def agrees(self) -> bool:
        """Whether all lanes said the same; one lane agrees with itself, and words are left alone."""
        return not self.is_compared or all(self.equal[i][j] for i, j in combinations(self.heard, 2))

    @property
    def disagreement(self) -> float | None:
        """Share of the pairs of lanes that differ; None where there is no pair."""
        pairs = list(combinations(self.heard, 2))
        return sum(not self.equal[i][j] for i, j in pairs) / len(pairs) if pairs else None

    @property
    def majority(self) -> int | None:
        """A lane whose answer more than half of the lanes gave, nothing being an answer too; None without one."""
        heard = self.heard
        counts = {at: sum(self.equal[at][other] for other in heard) for at in heard}
        best = max(heard, key=counts.__getitem__)
        return best if 2 * counts[best] > len(heard) else None

    @property
    def path(self) -> str:
        return f"{self.question}.{self.name}"


def parts_of_lanes(
    questions: Sequence[Asked], answers: Sequence[Mapping[str, Any]], item: ShownItem, *, iou: float = EXACT
) -> list[Part]:
    """Every part on which at least one lane said something, in the order asked.

    Parameters
    ----------
    questions : sequence of Asked
    answers : sequence of dict
        One a lane, under the item's own labels (see `canonical`).
    item : ShownItem
    iou : float
        From which intersection over union on two spans are the same, in (0, 1].
    """
    if not 0 < iou <= 1:
        raise ValueError(f"iou {iou}: expected more than 0 and at most 1")
    found = []
    for question in questions:
        by_lane = [values_of(question, answer.get(question.key), item) for answer in answers]
        names = list(dict.fromkeys(name for values in by_lane for name in values))
        for name in sorted(names, key=_natural):
            values = tuple(values.get(name) for values in by_lane)
            equal = tuple(tuple(is_same(question.kind, a, b, iou=iou) for b in values) for a in values)
            found.append(Part(question.key, question.kind, name, values, equal, question.kind != "critique"))
    return found


def values_of(question: Asked, given: Any, item: ShownItem) -> dict[str, Value]:
    """The parts of one answer to one question; spans by output, also where none was marked."""
    if given is None:
        return {}
    if question.kind == "spans":
        return _by_output("", given, item)
    if question.kind == "ranking":
        return {"order": given["order"]} if given.get("order") else {}
    values = {name: value for name, value in given.items() if name != EVIDENCE and value not in (None, "")}
    if question.kind == "checklist" and (values or given.get(EVIDENCE)):
        marked = _by_output(f"{EVIDENCE}/", given.get(EVIDENCE, []), item)
        values |= marked if getattr(question, "evidence", False) else {}
    return values


def answer_of(question: Asked, values: Mapping[str, Value]) -> Any:
    """The answer whose parts these are: the way back from `values_of`."""
    kept = {name: value for name, value in values.items() if value is not None}
    if question.kind == "spans":
        return [span for _, spans in sorted(kept.items()) for span in spans]
    marked = [span for name, spans in sorted(kept.items()) if name.startswith(f"{EVIDENCE}/") for span in spans]
    plain = {name: value for name, value in kept.items() if not name.startswith(f"{EVIDENCE}/")}
    return {**plain, EVIDENCE: marked} if marked else plain


def is_same(kind: str, a: Value, b: Value, *, iou: float = EXACT) -> bool:
    """Whether two people said the same about a part."""
    if a is None or b is None:
        return a is b
    if kind in ("spans", "checklist") and isinstance(a, list) and isinstance(b, list):
        return matched(a, b, iou=iou) is not None
    if kind == REVIEWED:
        is_alike = a["decision"] == b["decision"]
        return is_alike and (not _is_changed(a) or _overlap(a | _ONE_OUTPUT, b | _ONE_OUTPUT) >= iou)
    if kind == "stop" and isinstance(a, Mapping) and isinstance(b, Mapping):
        return (a["message"], a["start"]) == (b["message"], b["start"])
    return bool(a == b)


def matched(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]], *, iou: float = EXACT
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]] | None:
    """Pair the spans of two lanes one to one, or None where one is left over.

    Spans pair only within output, message, type and severity. A pairing of all is found where there is one (augmenting
    paths), not only where the greedy one succeeds.
    """
    if len(first) != len(second):
        return None
    fits = [[j for j, b in enumerate(second) if _overlap(a, b) >= iou] for a in first]
    partner: dict[int, int] = {}

    def place(i: int, tried: set[int]) -> bool:
        for j in fits[i]:
            if j not in tried:
                tried.add(j)
                if j not in partner or place(partner[j], tried):
                    partner[j] = i
                    return True
        return False

    if not all(place(i, set()) for i in range(len(first))):
        return None
    return [(first[i], second[j]) for j, i in sorted(partner.items(), key=lambda entry: entry[1])]


def merged_value(part: Part, *, iou: float = EXACT) -> Value:
    """What the lanes say together: what all said, else what more than half said, else None.

    Of spans that are the same without having the same offsets, the characters that all of those lanes marked; where
    these are none, the first lane's span.
    """
    lane = part.heard[0] if part.agrees and part.is_compared else part.majority
    if lane is None or not part.is_compared:
        return None
    value = part.values[lane]
    if part.kind == REVIEWED and _is_changed(value):
        return _common(value, [part.values[other] for other in part.heard if part.equal[lane][other]])
    if not isinstance(value, list) or part.kind not in ("spans", "checklist"):
        return value
    same = [other for at, other in enumerate(part.values) if part.equal[lane][at] and at != lane]
    return [_common(span, [_partner(span, value, other, iou) for other in same]) for span in value]


def merged_answer(questions: Sequence[Asked], parts: Sequence[Part], *, iou: float = EXACT) -> dict[str, Any]:
    """The answer made of what the lanes say together; parts on which they do not are left out."""
    values: dict[str, dict[str, Value]] = defaultdict(dict)
    for part in parts:
        values[part.question][part.name] = merged_value(part, iou=iou)
    return {question.key: answer_of(question, values[question.key]) for question in questions if values[question.key]}


def agree(parts: Sequence[Part]) -> bool:
    """Whether all lanes say the same wherever answers are compared, and something is."""
    return any(part.is_compared for part in parts) and all(part.agrees for part in parts)


def disagreement(parts: Sequence[Part]) -> float:
    """Mean over questions of the mean over parts of the share of pairs of lanes that differ; 0 without any."""
    by_question: dict[str, list[float]] = defaultdict(list)
    for part in parts:
        if part.is_compared and part.disagreement is not None:
            by_question[part.question].append(part.disagreement)
    shares = [sum(found) / len(found) for found in by_question.values()]
    return sum(shares) / len(shares) if shares else 0.0


def departures(
    questions: Sequence[Asked],
    parts: Sequence[Part],
    answer: Mapping[str, Any],
    item: ShownItem,
    *,
    iou: float = EXACT,
) -> list[str]:
    """The parts in which an answer goes against the lanes, by path.

    It does where more than half of the lanes said something else, and where it says what none of them said.
    """
    found = []
    given = {question.key: values_of(question, answer.get(question.key), item) for question in questions}
    of_lanes = {(part.question, part.name): part for part in parts}
    for question in questions:
        names = {name for key, name in of_lanes if key == question.key} | set(given[question.key])
        for name in sorted(names, key=_natural):
            part = of_lanes.get((question.key, name))
            value = given[question.key].get(name)
            if question.kind != "critique" and _departs(question.kind, part, value, iou):
                found.append(f"{question.key}.{name}")
    return found


def _departs(kind: str, part: Part | None, value: Value, iou: float) -> bool:
    if part is None:
        # Nobody said anything here; no spans are nothing said as well.
        return value not in (None, [])
    same = [is_same(kind, value, said, iou=iou) for said in part.values]
    majority = part.majority
    if kind == REVIEWED and value is None:
        # Nobody has to decide on a model's span: leaving it open goes against people only where most decided alike.
        return majority is not None and 2 * sum(part.equal[majority][at] for at in part.heard) > len(part.values)
    return not any(same) or (majority is not None and not same[majority])


def lanes_followed(
    questions: Sequence[Asked],
    parts: Sequence[Part],
    answer: Mapping[str, Any],
    item: ShownItem,
    *,
    iou: float = EXACT,
) -> list[int] | None:
    """The lanes that said the same as `answer` in every part; None where some part of it is nobody's."""
    given = {question.key: values_of(question, answer.get(question.key), item) for question in questions}
    known = {(part.question, part.name) for part in parts}
    compared = {question.key for question in questions if question.kind != "critique"}
    if any(value != [] and (key, name) not in known for key in compared for name, value in given[key].items()):
        return None
    if not parts:
        return []
    whole = set(range(len(parts[0].values)))
    for part in parts:
        if part.is_compared:
            value = given[part.question].get(part.name)
            same = {at for at, said in enumerate(part.values) if is_same(part.kind, value, said, iou=iou)}
            if not same and not (part.kind == REVIEWED and value is None):
                return None
            whole &= same
    return sorted(whole)


def _by_output(prefix: str, spans: Sequence[Mapping[str, Any]], item: ShownItem) -> dict[str, Value]:
    found: dict[str, list[Mapping[str, Any]]] = {f"{prefix}{output.label}": [] for output in item.outputs}
    for span in spans:
        found[f"{prefix}{span['output']}"].append(span)
    return dict(found)


def _is_changed(decision: Mapping[str, Any]) -> bool:
    return bool(decision["decision"] == Decision.CHANGED)


def _overlap(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """Intersection over union of the characters; 0 for spans that are of different things."""
    same = all((a.get(name) or "") == (b.get(name) or "") for name in ("output", "type", "severity"))
    if not same or a["message"] != b["message"]:
        return 0.0
    shared = min(a["end"], b["end"]) - max(a["start"], b["start"])
    union = max(a["end"], b["end"]) - min(a["start"], b["start"])
    return max(shared, 0) / union if union else 0.0


def _partner(
    span: Mapping[str, Any], own: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]], iou: float
) -> Mapping[str, Any]:
    pairs = matched(own, other, iou=iou) or []
    return next((theirs for mine, theirs in pairs if mine is span), span)


def _common(span: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The characters that all of them have, with the words that stand there."""
    start = max([span["start"], *(other["start"] for other in others)])
    end = min([span["end"], *(other["end"] for other in others)])
    if start >= end:
        return span
    begin = start - span["start"]
    return {**span, "start": start, "end": end, "quote": span["quote"][begin : begin + end - start]}


def _natural(name: str) -> tuple[Any, ...]:
    """Steps by number: A/2 before A/10."""
    head, _, tail = name.partition("/")
    return (name.startswith(EVIDENCE), head, (0, int(tail), "") if tail.isdigit() else (1, 0, tail))
