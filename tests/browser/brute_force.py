"""What a campaign's report must say, worked out from the answers as they were sent, by definitions and other libraries.

Nothing here reads a judgment or a statistic of the platform.
"""

import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
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
Units = dict[Any, dict[int, float]]
"""By what is judged, then by person; NaN where somebody could not say."""


class Figures(NamedTuple):
    """As the page shows them: a coefficient (NaN where it is undefined), of how many units, and parts by name."""

    value: float
    units: int
    parts: Mapping[str, float] = {}
    equal: float | None = None


def figures(question: Mapping[str, Any], answers: Answers) -> Figures:
    """The figures of one question, which is as its protocol has it."""
    return METHODS[question["kind"]](question, answers)


def alpha(units: Units, level: str) -> Figures:
    """Krippendorff's alpha by the reference package, and the share of pairs of equal answers."""
    people = sorted({person for unit in units.values() for person in unit})
    table = [[unit.get(person, math.nan) for unit in units.values()] for person in people]
    values = {value for pair in both(units) for value in pair}
    found = krippendorff.alpha(reliability_data=table, level_of_measurement=level) if len(values) > 1 else math.nan
    equal = share(one == other for one, other in both(units))
    return Figures(float(found), len(both(units)), equal=None if math.isnan(equal) else equal)


def both(units: Units) -> list[tuple[float, float]]:
    """What the two people said of each unit of which both said something."""
    known = ([value for value in unit.values() if not math.isnan(value)] for unit in units.values())
    return [(values[0], values[1]) for values in known if len(values) > 1]


def share(found: Iterable[bool | float]) -> float:
    """The mean; NaN of nothing."""
    values = list(found)
    return sum(values) / len(values) if values else math.nan


def ratings(question: Mapping[str, Any], answers: Answers) -> Figures:
    units: Units = defaultdict(dict)
    for person, said in each(answers):
        for label, value in said.answer.items():
            units[said.pks[label]][person] = math.nan if value == "na" else float(value)
    near = share(abs(one - other) <= 1 for one, other in both(units))
    return alpha(units, "ordinal")._replace(parts={"At most one level apart": near})


def steps(question: Mapping[str, Any], answers: Answers) -> Figures:
    """A unit is a step; the first that is wrong is one figure of the whole text, -1 where there is none."""
    units: Units = defaultdict(dict)
    first: Units = defaultdict(dict)
    for person, said in each(answers):
        for part, value in said.answer.items():
            label, _, step = part.partition("/")
            units[said.pks[label], step][person] = float(value)
        for label, pk in said.pks.items():
            own = (int(part.partition("/")[2]) for part, value in said.answer.items() if part[0] == label and value < 0)
            first[pk][person] = min(own, default=-1)
    alike = share(one == other for one, other in both(first))
    return alpha(units, "ordinal")._replace(parts={"The same first wrong step, or none": alike})


def verdicts(question: Mapping[str, Any], answers: Answers) -> Figures:
    """A unit is a criterion on an output; its level counts by what the rubric says that it is worth."""
    worth = {
        (one["key"], number): level["value"]
        for one in question["criteria"]
        for number, level in enumerate(one["levels"], start=1)
    }
    units: Units = defaultdict(dict)
    for person, said in each(answers):
        for part, value in said.answer.items():
            label, _, criterion = part.partition("/")
            if part != "evidence":
                units[said.pks[label], criterion][person] = worth.get((criterion, value), math.nan)
    parts = {
        one["text"]: alpha({unit: given for unit, given in units.items() if unit[1] == one["key"]}, "ordinal").value
        for one in question["criteria"]
    }
    return alpha(units, "ordinal")._replace(parts=parts)


def comparisons(question: Mapping[str, Any], answers: Answers) -> Figures:
    """A unit is a pair; steps towards the one of its outputs that was made first, whoever saw it as A."""
    units: Units = defaultdict(dict)
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
    sides = {unit: {who: float(np.sign(value)) for who, value in given.items()} for unit, given in units.items()}
    return alpha(units, "ordinal")._replace(parts={"By side alone: alpha, nominal": alpha(sides, "nominal").value})


def stops(question: Mapping[str, Any], answers: Answers) -> Figures:
    """The share of the text before the place, all of it where it may go on."""
    units: Units = defaultdict(dict)
    for person, said in each(answers):
        for label, place in said.answer.items():
            share = 1.0 if place == "none" else place["start"] / len(said.texts[label])
            units[said.pks[label]][person] = share
    return alpha(units, "interval")


def orders(
    tiers: Callable[[Said], Mapping[int, int]], ends: Mapping[str, Callable[[Iterable[int]], int]]
) -> Callable[[Mapping[str, Any], Answers], Figures]:
    """Mean over items of Kendall's tau-b of two people, and of his W, of which Friedman's statistic is a multiple."""

    def found(question: Mapping[str, Any], answers: Answers) -> Figures:
        taus, concordances = [], []
        same: dict[str, list[bool]] = {name: [] for name in ends}
        for people in answers.values():
            one, other = (tiers(said) for said in people.values())
            pairs = np.array([[one[pk], other[pk]] for pk in one])
            taus.append(float(kendalltau(*pairs.T).statistic))
            if any(len(set(column)) > 1 for column in pairs.T):
                concordances.append(float(friedmanchisquare(*pairs).statistic / (2 * (len(pairs) - 1))))
            for name, end in ends.items():
                mine, theirs = ({pk for pk in order if order[pk] == end(order.values())} for order in (one, other))
                same[name].append(mine == theirs)
        parts = {"Kendall's W, mean over items": share(concordances)}
        known = share(tau for tau in taus if not math.isnan(tau))
        return Figures(known, len(answers), parts | {name: share(alike) for name, alike in same.items()})

    return found


def ranked(said: Said) -> dict[int, int]:
    return {said.pks[label]: tier for tier, labels in enumerate(said.answer["order"]) for label in labels}


def picked(said: Said) -> dict[int, int]:
    tiers = {said.answer["best"]: 1, said.answer["worst"]: 3}
    return {pk: tiers.get(label, 2) for label, pk in said.pks.items()}


def ticks(question: Mapping[str, Any], answers: Answers) -> Figures:
    """Ticked or not, output by output; beside it the orders of two tiers that this makes."""
    units: Units = defaultdict(dict)
    for person, said in each(answers):
        for label, pk in said.pks.items():
            units[pk][person] = float(label in said.answer["good"])
    taus = []
    for people in answers.values():
        one, other = people.values()
        pairs = [
            [pk in {said.pks[label] for label in said.answer["good"]} for said in (one, other)]
            for pk in one.pks.values()
        ]
        taus.append(float(kendalltau(*np.array(pairs).T).statistic))
    implied = share(tau for tau in taus if not math.isnan(tau))
    return alpha(units, "nominal")._replace(parts={"Kendall's tau-b of the implied orders": implied})


def spans(question: Mapping[str, Any], answers: Answers) -> Figures:
    labels = {kind["key"]: kind["key"] for kind in question["types"]}
    marks: dict[str, dict[tuple[int, int], list[Mark]]] = {kind: defaultdict(list) for kind in labels}
    for person, said in each(answers):
        for span in said.answer:
            marks[span["type"]][said.pks[span["output"]], person].append((span["start"], span["end"]))
    found = unitising(marks, answers)
    return found._replace(parts={**found.parts, "Characters that both marked, F1": marked_alike(marks, answers)})


def marked_alike(marks: Mapping[str, Mapping[tuple[int, int], list[Mark]]], answers: Answers) -> float:
    """Mean over the texts in which anything is marked, of whatever type; each character counts once."""
    found = []
    for people in answers.values():
        pks = next(iter(people.values())).pks.values()
        for pk in pks:
            mine, theirs = (
                {at for of_kind in marks.values() for mark in of_kind.get((pk, person), []) for at in range(*mark)}
                for person in people
            )
            if mine or theirs:
                found.append(2 * len(mine & theirs) / (len(mine) + len(theirs)))
    return share(found)


def edits(question: Mapping[str, Any], answers: Answers) -> Figures:
    """What was put at the start changes the first word, what was put at the end the last one.

    Of two edits that both only put words in at different ends, or of which one leaves the text, no word is the same.
    """
    marks: dict[tuple[int, int], list[Mark]] = defaultdict(list)
    changed: Units = defaultdict(dict)
    after: dict[int, list[str]] = defaultdict(list)
    for person, said in each(answers):
        for label, text in said.answer.items():
            before, pk = said.texts[label], said.pks[label]
            changed[pk][person] = float(text != before)
            after[pk].append(text)
            if text != before:
                is_first = text.endswith(before)
                assert is_first or text.startswith(before)
                first_end, last_start = len(before.partition(" ")[0]), len(before.rpartition(" ")[0]) + 1
                marks[pk, person].append((0, first_end) if is_first else (last_start, len(before)))
    alike = share(one == other for pk, (one, other) in after.items() if any(changed[pk].values()))
    return unitising({"changed": marks}, answers)._replace(
        parts={
            "Whether to change anything: alpha, nominal": alpha(changed, "nominal").value,
            "Share of two people's changes that are the same": alike,
        }
    )


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
    """Alpha of texts that are apart by 1 less the F1 of their words; a unit is an output in one voice."""
    units: dict[tuple[int, str], list[str]] = defaultdict(list)
    for _, said in each(answers):
        for part, text in said.answer.items():
            label, _, voice = part.partition("/")
            units[said.pks[label], voice].append(text)
    paired = {unit: texts for unit, texts in units.items() if len(texts) > 1}
    voices = {
        f"{voice.capitalize()} voice": distance_alpha([texts for (_, one), texts in paired.items() if one == voice])
        for voice in question["voices"]
    }
    return Figures(distance_alpha(list(paired.values())), len(paired), voices if len(voices) > 1 else {})


def distance_alpha(units: list[list[str]]) -> float:
    """Mean distance of two texts about the same, by that of any two."""
    texts = [text for unit in units for text in unit]
    within = share(apart(one, other) for one, other in units)
    any_two = share(apart(one, other) for one, other in itertools.permutations(texts, 2))
    return 1 - within / any_two if any_two else math.nan


def apart(one: str, other: str) -> float:
    mine, theirs = (Counter(re.findall(r"\w+", text.lower())) for text in (one, other))
    return 1 - 2 * (mine & theirs).total() / (mine.total() + theirs.total())


def reviews(question: Mapping[str, Any], answers: Answers) -> Figures:
    """A unit is a model's span; whoever did not decide on it said nothing."""
    numbers = {"accepted": 0.0, "changed": 1.0, "rejected": 2.0}
    units: Units = defaultdict(dict)
    for person, said in each(answers):
        for span, decision in said.answer.items():
            units[span][person] = numbers[decision["decision"]]
    stands = {unit: {who: float(value < 2) for who, value in given.items()} for unit, given in units.items()}
    let_stand = alpha(stands, "nominal").value
    return alpha(units, "nominal")._replace(parts={"Whether it stands at all: alpha, nominal": let_stand})


def each(answers: Answers) -> Iterable[tuple[int, Said]]:
    return ((person, said) for people in answers.values() for person, said in people.items())


METHODS: Mapping[str, Callable[[Mapping[str, Any], Answers], Figures]] = {
    "rating": ratings,
    "steps": steps,
    "checklist": verdicts,
    "comparison": comparisons,
    "stop": stops,
    "ranking": orders(ranked, {"The same first place": min}),
    "best_worst": orders(picked, {"The same best": min, "The same worst": max}),
    "tick": ticks,
    "spans": spans,
    "edit": edits,
    "critique": words,
    "reviews": reviews,
}
