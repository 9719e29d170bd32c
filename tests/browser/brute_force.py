"""What a campaign's report must say, worked out from the answers as they were sent, by definitions and other libraries.

Nothing here reads a judgment or a statistic of the platform.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, NamedTuple

import krippendorff
import numpy as np
from scipy.stats import friedmanchisquare, kendalltau


class Said(NamedTuple):
    """One person's answer to a question, with the id and the text of the output behind each label."""

    answer: Any
    pks: Mapping[str, int]
    texts: Mapping[str, str]


Answers = Mapping[int, Mapping[int, Said]]
"""By item, then by person."""

Mark = tuple[int, int]


class Figures(NamedTuple):
    """As the page shows them: a coefficient (NaN where it is undefined), of how many units, and parts by name."""

    value: float
    units: int
    parts: Mapping[str, float] = {}
    equal: float | None = None
    written: int | None = None


def figures(question: Mapping[str, Any], answers: Answers) -> Figures:
    """The figures of one question, which is as its protocol has it."""
    return METHODS[question["kind"]](question, answers)


def alpha(units: Mapping[Hashable, Mapping[int, float]], level: str) -> Figures:
    """Krippendorff's alpha by the reference package, and the share of pairs of equal answers."""
    people = sorted({person for unit in units.values() for person in unit})
    table = [[unit.get(person, math.nan) for unit in units.values()] for person in people]
    pairs = []
    for unit in units.values():
        known = [value for value in unit.values() if not math.isnan(value)]
        pairs += [one == other for one, other in itertools.combinations(known, 2)]
    met = [unit for unit in units.values() if sum(not math.isnan(value) for value in unit.values()) > 1]
    values = {value for unit in met for value in unit.values() if not math.isnan(value)}
    found = krippendorff.alpha(reliability_data=table, level_of_measurement=level) if len(values) > 1 else math.nan
    return Figures(float(found), len(met), equal=float(np.mean(pairs)) if pairs else None)


def by_part(question: Mapping[str, Any], answers: Answers) -> Figures:
    """Ratings and steps: a unit is an output, or a step of it."""
    units: dict[Hashable, dict[int, float]] = defaultdict(dict)
    for person, said in each(answers):
        for part, value in said.answer.items():
            label, _, rest = part.partition("/")
            units[said.pks[label], rest][person] = math.nan if value == "na" else float(value)
    return alpha(units, "ordinal")


def verdicts(question: Mapping[str, Any], answers: Answers) -> Figures:
    """A unit is a criterion on an output; its level counts by what the rubric says that it is worth."""
    worth = {
        (one["key"], number): level["value"]
        for one in question["criteria"]
        for number, level in enumerate(one["levels"], start=1)
    }
    units: dict[Hashable, dict[int, float]] = defaultdict(dict)
    for person, said in each(answers):
        for part, value in said.answer.items():
            label, _, criterion = part.partition("/")
            if part != "evidence":
                units[said.pks[label], criterion][person] = worth.get((criterion, value), math.nan)
    return alpha(units, "ordinal")


def comparisons(question: Mapping[str, Any], answers: Answers) -> Figures:
    """A unit is a pair; steps towards the one of its outputs that was made first, whoever saw it as A."""
    units: dict[Hashable, dict[int, float]] = defaultdict(dict)
    for person, said in each(answers):
        for pair, choice in said.answer.items():
            first, second = sorted(said.pks[label] for label in pair.split("-"))
            better, _, steps = choice.partition("+")
            if choice == "cannot_tell":
                value = math.nan
            elif better in said.pks:
                value = float(steps or 1) * (1 if said.pks[better] == first else -1)
            else:
                value = 0.0
            units[first, second][person] = value
    return alpha(units, "ordinal")


def stops(question: Mapping[str, Any], answers: Answers) -> Figures:
    """The share of the text before the place, all of it where it may go on."""
    units: dict[Hashable, dict[int, float]] = defaultdict(dict)
    for person, said in each(answers):
        for label, place in said.answer.items():
            share = 1.0 if place == "none" else place["start"] / len(said.texts[label])
            units[said.pks[label]][person] = share
    return alpha(units, "interval")


def orders(tiers: Callable[[Said], Mapping[int, int]]) -> Callable[[Mapping[str, Any], Answers], Figures]:
    """Mean over items of Kendall's tau-b of two people, and of his W, of which Friedman's statistic is a multiple."""

    def found(question: Mapping[str, Any], answers: Answers) -> Figures:
        taus, concordances = [], []
        for people in answers.values():
            one, other = (tiers(said) for said in people.values())
            pairs = np.array([[one[pk], other[pk]] for pk in one])
            taus.append(kendalltau(*pairs.T).statistic)
            if any(len(set(column)) > 1 for column in pairs.T):
                concordances.append(friedmanchisquare(*pairs).statistic / (2 * (len(pairs) - 1)))
        known = [tau for tau in taus if not math.isnan(tau)]
        w = {"Kendall's W, mean over items": float(np.mean(concordances))} if concordances else {}
        return Figures(float(np.mean(known)) if known else math.nan, len(answers), w)

    return found


def ranked(said: Said) -> dict[int, int]:
    return {said.pks[label]: tier for tier, labels in enumerate(said.answer["order"]) for label in labels}


def picked(said: Said) -> dict[int, int]:
    tiers = {said.answer["best"]: 1, said.answer["worst"]: 3}
    return {pk: tiers.get(label, 2) for label, pk in said.pks.items()}


def ticked(said: Said) -> dict[int, int]:
    return {pk: 1 if label in said.answer["good"] else 2 for label, pk in said.pks.items()}


def spans(question: Mapping[str, Any], answers: Answers) -> Figures:
    labels = {kind["key"]: kind["key"] for kind in question["types"]}
    marks: dict[str, dict[tuple[int, int], list[Mark]]] = {kind: defaultdict(list) for kind in labels}
    for person, said in each(answers):
        for span in said.answer:
            marks[span["type"]][said.pks[span["output"]], person].append((span["start"], span["end"]))
    return unitising(marks, answers)


def edits(question: Mapping[str, Any], answers: Answers) -> Figures:
    """What was put at the start changes the first word, what was put at the end the last one."""
    marks: dict[tuple[int, int], list[Mark]] = defaultdict(list)
    for person, said in each(answers):
        for label, after in said.answer.items():
            before, where = said.texts[label], (said.pks[label], person)
            if after != before:
                is_first = after.endswith(before)
                assert is_first or after.startswith(before)
                first_end, last_start = before.partition(" ")[0], before.rpartition(" ")[0]
                marks[where].append((0, len(first_end)) if is_first else (len(last_start) + 1, len(before)))
    return unitising({"changed": marks}, answers)


def unitising(marks: Mapping[str, Mapping[tuple[int, int], list[Mark]]], answers: Answers) -> Figures:
    """Alpha of Krippendorff (2004), Content Analysis, section 11.6, section by section, for two people.

    The texts are one continuum, each person's marks and gaps cut at the ends of the texts; alpha is 1 minus the sum
    over the types of what is observed by the sum of what is expected.
    """
    lengths = {said.pks[label]: len(text) for _, said in each(answers) for label, text in said.texts.items()}
    people = sorted({person for person, _ in each(answers)})
    total = sum(lengths.values())
    observed, expected, parts = 0.0, 0.0, {}
    for kind, of_kind in marks.items():
        units, gaps, apart = [], [], 0.0
        for text, length in lengths.items():
            mine, theirs = (sorted(set(of_kind.get((text, person), []))) for person in people)
            apart += 2 * difference(mine, theirs)
            for own in (mine, theirs):
                units += [end - start for start, end in own]
                gaps += gap_lengths(own, length)
        if not units:
            continue
        # m = 2 people: D_o is the sum over ordered pairs of people by m (m - 1) L^2.
        seen = apart / (2 * total**2)
        chance = sum(
            (len(units) - 1) / 3 * (2 * one**3 - 3 * one**2 + one)
            + one**2 * sum(gap - one + 1 for gap in gaps if gap >= one)
            for one in units
        )
        places = 2 * total
        chance *= 2 / total / (places * (places - 1) - sum(one * (one - 1) for one in units))
        observed, expected = observed + seen, expected + chance
        parts[kind] = 1 - seen / chance
    return Figures(1 - observed / expected if expected else math.nan, len(lengths), parts)


def difference(mine: list[Mark], theirs: list[Mark]) -> float:
    """Squared differences of marks that overlap, and squared lengths of those that lie in a gap of the other's."""
    found = 0.0
    for start, end in mine:
        met = [(b, e) for b, e in theirs if start < e and b < end]
        found += sum((start - b) ** 2 + (end - e) ** 2 for b, e in met) if met else (end - start) ** 2
    alone = [(b, e) for b, e in theirs if not any(start < e and b < end for start, end in mine)]
    return found + sum((e - b) ** 2 for b, e in alone)


def gap_lengths(marks: list[Mark], length: int) -> list[int]:
    edges = [0, *itertools.chain.from_iterable(marks), length]
    return [end - start for start, end in zip(edges[::2], edges[1::2], strict=True) if end > start]


def words(question: Mapping[str, Any], answers: Answers) -> Figures:
    return Figures(math.nan, 0, written=sum(len(said.answer) for _, said in each(answers)))


def each(answers: Answers) -> Iterable[tuple[int, Said]]:
    return ((person, said) for people in answers.values() for person, said in people.items())


METHODS: Mapping[str, Callable[[Mapping[str, Any], Answers], Figures]] = {
    "rating": by_part,
    "steps": by_part,
    "checklist": verdicts,
    "comparison": comparisons,
    "stop": stops,
    "ranking": orders(ranked),
    "best_worst": orders(picked),
    "tick": orders(ticked),
    "spans": spans,
    "edit": edits,
    "critique": words,
}
