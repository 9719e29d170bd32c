"""What the page of a campaign's quality draws: places on scales in per cent, for SVG attributes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext, ngettext

from annotations.quality.said import worded
from rewards.statistics.annotators import MAX_WORDS_PER_MINUTE

RELIABLE, TENTATIVE = 0.8, 0.667
"""Krippendorff, Content Analysis (2004), section 11.4.4: what conclusions need, and the least for tentative ones."""


class Mark(NamedTuple):
    """A value on a scale from 0 to 100 with its interval and lines of reference."""

    name: str
    text: str
    value: float
    low: float
    width: float
    references: tuple[float, ...]


class PartRow(NamedTuple):
    """A figure beside a question's coefficient, on the same scale."""

    name: str
    note: str
    mark: Mark | None
    n: int


class QuestionRow(NamedTuple):
    found: Mapping[str, Any]
    mark: Mark | None
    word: str
    parts: list[PartRow]


class ArmLine(NamedTuple):
    """One arm's coefficient, and its difference from the first arm's in words."""

    found: Mapping[str, Any]
    mark: Mark | None
    difference: str
    differs: bool
    """Whether the interval of the difference leaves 0 out."""


class ArmTable(NamedTuple):
    """A question's agreement arm by arm."""

    prompt: str
    measure: str
    lines: list[ArmLine]


class Chart(NamedTuple):
    """Marks of several people on one scale, whose ends and middle are named."""

    title: str
    left: str
    right: str
    marks: list[Mark]


class PersonRow(NamedTuple):
    """A line of the table of people; texts are empty where nothing is known."""

    found: Mapping[str, Any]
    pace: str
    seconds: str
    known: str
    estimated: str
    repeats: str
    leniency: str


def context(result: Mapping[str, Any]) -> dict[str, Any]:
    """All that the template of a report needs."""
    result = worded(result)
    questions = {row["key"]: row["prompt"] for row in result["questions"]}
    return {
        "result": result,
        "question_rows": question_rows(result["questions"]),
        "arm_tables": arm_tables(result["arms"]),
        # A report from before alarms had a least number of answers has none.
        "least_answers": result.get("least_answers"),
        "leniency_charts": leniency_charts(result["people"], questions),
        "accuracy_charts": accuracy_charts(result["people"], questions),
        "competence_charts": competence_charts(result["people"], questions),
        "pace_chart": pace_chart(result["people"]),
        "without_rows": without_rows(result["people"]),
        "person_rows": [_person_row(row) for row in result["people"]],
        "alarm_count": sum(bool(row["alarms"]) for row in result["people"]),
        "notes": [{**note, "prompt": questions.get(note["question"], "")} for note in result["notes"]],
    }


def question_rows(rows: Sequence[Mapping[str, Any]]) -> list[QuestionRow]:
    """Coefficients and the figures beside them on one scale: from the lowest bound, at most 0, to 1."""
    bottom = _bottom([*rows, *(part for row in rows for part in row.get("parts", ()))])
    return [
        QuestionRow(
            row, _coefficient(row, bottom), _word(row), [_part_row(part, bottom) for part in row.get("parts", ())]
        )
        for row in rows
    ]


def arm_tables(rows: Sequence[Mapping[str, Any]]) -> list[ArmTable]:
    """Of the questions that two people answered in at least one arm."""
    bottom = _bottom([arm for row in rows for arm in row["arms"]])
    return [
        ArmTable(row["prompt"], row["arms"][0]["measure"], [_arm_line(arm, bottom) for arm in row["arms"]])
        for row in rows
        if any(arm["value"] is not None for arm in row["arms"])
    ]


def _arm_line(arm: Mapping[str, Any], bottom: float) -> ArmLine:
    mark = _coefficient({**arm, "prompt": arm["arm"]}, bottom)
    apart = arm["difference"]
    if not apart or apart["value"] is None:
        return ArmLine(arm, mark, "", differs=False)
    words = f"{apart['value']:+.3f}"
    if apart["low"] is None:
        return ArmLine(arm, mark, words, differs=False)
    differs = apart["low"] > 0 or apart["high"] < 0
    return ArmLine(arm, mark, f"{words} [{apart['low']:+.3f}, {apart['high']:+.3f}]", differs)


def _part_row(part: Mapping[str, Any], bottom: float) -> PartRow:
    found = {**part, "prompt": part["name"]}
    # A report from before parts had bounds has a value alone.
    return PartRow(part["name"], part["note"], _coefficient(found, bottom), part["n"])


def _bottom(rows: Sequence[Mapping[str, Any]]) -> float:
    bounds = (row[name] for row in rows for name in ("value", "low"))
    return min([0.0, *(float(bound) for bound in bounds if bound is not None)])


def leniency_charts(people: Sequence[Mapping[str, Any]], questions: Mapping[str, str]) -> list[Chart]:
    """A chart a question: who rates higher to the right, in logits."""
    charts = []
    for key, rows in _by_question(people, "leniency").items():
        reach = max([1.0, *(abs(row[bound]) for _, row in rows for bound in ("low", "high"))])
        marks = [
            _mark(
                name,
                gettext("%(value)s [%(low)s, %(high)s], %(levels)s levels")
                % {
                    **{bound: f"{row[bound]:+.2f}" for bound in ("value", "low", "high")},
                    "levels": f"{row['in_levels']:+.2f}",
                },
                (row["value"], row["low"], row["high"]),
                (-reach, reach),
                (0.0,),
            )
            for name, row in sorted(rows, key=lambda entry: -entry[1]["value"])
        ]
        charts.append(Chart(questions.get(key, key), gettext("stricter"), gettext("more lenient"), marks))
    return charts


def accuracy_charts(people: Sequence[Mapping[str, Any]], questions: Mapping[str, str]) -> list[Chart]:
    """A chart a question: the share of answers that Dawid and Skene's model takes for right."""
    return [
        Chart(
            questions.get(key, key),
            "0 %",
            "100 %",
            [
                _mark(name, _share_words(row), _with_bounds(row), (0, 1), ())
                for name, row in sorted(rows, key=lambda entry: -entry[1]["value"])
            ],
        )
        for key, rows in _by_question(people, "estimated").items()
    ]


def competence_charts(people: Sequence[Mapping[str, Any]], questions: Mapping[str, str]) -> list[Chart]:
    """A chart a question: how often each person knows instead of guessing, by MACE."""
    return [
        Chart(
            questions.get(key, key),
            gettext("guesses"),
            gettext("knows"),
            [
                _mark(name, _share_words(row), _with_bounds(row), (0, 1), ())
                for name, row in sorted(rows, key=lambda entry: -entry[1]["value"])
            ],
        )
        for key, rows in _by_question(people, "competence").items()
    ]


def _share_words(row: Mapping[str, Any]) -> str:
    _, low, high = _with_bounds(row)
    bounds = f" [{100 * low:.0f}, {100 * high:.0f}]" if low < high else ""
    share = {"share": f"{100 * row['value']:.0f} %{bounds}", "n": row["n"]}
    return ngettext("%(share)s, %(n)s answer", "%(share)s, %(n)s answers", row["n"]) % share


def _with_bounds(row: Mapping[str, Any]) -> tuple[float, float, float]:
    """A report from before accuracies had bounds has none."""
    value = row["value"]
    low, high = (value if row.get(bound) is None else row[bound] for bound in ("low", "high"))
    return value, low, high


def pace_chart(people: Sequence[Mapping[str, Any]]) -> Chart | None:
    """Words a minute with the line beyond which nobody reads."""
    timed = [
        (row["name"], row["pace"]) for row in people if row["pace"] and row["pace"]["words_per_minute"] is not None
    ]
    if not timed:
        return None
    end = max(MAX_WORDS_PER_MINUTE * 1.25, *(pace["words_per_minute"] for _, pace in timed))
    marks = [
        _mark(
            name,
            gettext("%(words)s words a minute, %(fast)s of %(timed)s items too fast to read")
            % {"words": f"{pace['words_per_minute']:,.0f}", "fast": pace["fast"], "timed": pace["timed"]},
            (pace["words_per_minute"], 0.0, pace["words_per_minute"]),
            (0.0, end),
            (MAX_WORDS_PER_MINUTE,),
        )
        for name, pace in sorted(timed, key=lambda entry: -entry[1]["words_per_minute"])
    ]
    return Chart(gettext("Words a minute"), "0", f"{end:,.0f}", marks)


def without_rows(people: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Person, question, agreement without them, change: who lowers it most comes first."""
    rows = [
        (row["name"], one["question"], one["value"], one["change"])
        for row in people
        for one in row["without"]
        if one["value"] is not None and one["change"] is not None
    ]
    rows.sort(key=lambda row: -row[3])
    return [(name, question, f"{value:.3f}", f"{change:+.3f}") for name, question, value, change in rows]


def _by_question(people: Sequence[Mapping[str, Any]], figure: str) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
    found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for person in people:
        # A report that was worked out before a figure was known has none of it.
        for row in person.get(figure, []):
            if row["value"] is not None:
                found.setdefault(row["question"], []).append((person["name"], row))
    return found


def _coefficient(row: Mapping[str, Any], bottom: float) -> Mark | None:
    if row["value"] is None:
        return None
    value = row["value"]
    low, high = (value if row[bound] is None else row[bound] for bound in ("low", "high"))
    bounds = "" if row["low"] is None else f" [{low:.3f}, {high:.3f}]"
    references = (0.0, TENTATIVE, RELIABLE) if row["is_alpha"] else (0.0,)
    return _mark(row["prompt"], f"{value:.3f}{bounds}", (value, low, high), (bottom, 1.0), references)


def _word(row: Mapping[str, Any]) -> str:
    """The levels are Krippendorff's, of his coefficients alone."""
    if row["value"] is None or not row["is_alpha"]:
        return ""
    if row["value"] >= RELIABLE:
        return gettext("reliable")
    return gettext("for tentative conclusions") if row["value"] >= TENTATIVE else gettext("too low to conclude from")


def _mark(
    name: str,
    text: str,
    values: tuple[float, float, float],
    ends: tuple[float, float],
    references: tuple[float, ...],
) -> Mark:
    start, span = ends[0], ends[1] - ends[0]
    value, low, high = (round(100 * (one - start) / span, 2) for one in values)
    at = tuple(round(100 * (one - start) / span, 2) for one in references)
    return Mark(name, text, value, low, round(high - low, 2), at)


def _person_row(row: Mapping[str, Any]) -> PersonRow:
    pace = row["pace"] or {}
    known, repeats, estimated = row["known"], row["repeats"], row["estimated"]
    rate, seconds = pace.get("words_per_minute"), pace.get("seconds")
    return PersonRow(
        row,
        "" if rate is None else f"{rate:,.0f}",
        "" if seconds is None else f"{seconds:,.0f}",
        _of(f"{100 * known['right'] / known['n']:.0f} %", known["n"]) if known and known["n"] else "",
        _weighted(estimated),
        _of(sum(one["right"] for one in repeats), sum(one["n"] for one in repeats)) if repeats else "",
        ", ".join(f"{one['in_levels']:+.2f}" for one in row["leniency"]),
    )


def _of(part: int | str, whole: int) -> str:
    return gettext("%(part)s of %(whole)s") % {"part": part, "whole": whole}


def _weighted(rows: Sequence[Mapping[str, Any]]) -> str:
    """The mean over questions, by how many answers each has."""
    known = [row for row in rows if row["value"] is not None]
    n = sum(row["n"] for row in known)
    return f"{100 * sum(row['value'] * row['n'] for row in known) / n:.0f} %" if n else ""
