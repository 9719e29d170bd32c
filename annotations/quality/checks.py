"""How people did on items whose right answer is known, and how far they agree with themselves."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, NamedTuple

from annotations.checks import Kind
from annotations.models import Campaign, CampaignProgress, CheckResult
from annotations.protocols import parse_questions
from rewards.statistics.proportions import Proportion, wilson

FIGURES = (Kind.GOLD, Kind.ATTENTION, Kind.REPEAT, Kind.QUALIFICATION)
"""Training is left out: it is there to err."""


class Figure(NamedTuple):
    """How often one was right, with Wilson's 95 % interval, and the mean score; `unscored` could not be compared."""

    share: Proportion
    score: float | None
    unscored: int

    @property
    def percent(self) -> str:
        """In words for a table."""
        if not self.share.n:
            return "–"
        return f"{100 * self.share.value:.0f} % [{100 * self.share.low:.0f}, {100 * self.share.high:.0f}]"


@dataclass
class PersonChecks:
    """One person in one campaign."""

    name: str
    user: int
    progress: CampaignProgress | None
    figures: dict[str, Figure] = field(default_factory=dict)
    """By kind."""

    @property
    def cells(self) -> list[Figure | None]:
        """In the order of `FIGURES`."""
        return [self.figures.get(kind) for kind in FIGURES]

    @property
    def failed_attention(self) -> int:
        found = self.figures.get(Kind.ATTENTION)
        return found.share.n - found.share.successes if found else 0


class QuestionChecks(NamedTuple):
    """One question over all people: what is hard, or wrongly taken for right."""

    key: str
    prompt: str
    gold: Figure
    again: Figure


class PersonQuestion(NamedTuple):
    """One person's answers to one question, where the right one is known."""

    name: str
    prompt: str
    figure: Figure


class ChecksReport(NamedTuple):
    people: list[PersonChecks]
    questions: list[QuestionChecks]
    cells: list[PersonQuestion]
    kinds: list[str]
    alarms: int


def checks_report(campaign: Campaign) -> ChecksReport:
    """Figures over the standing results (four queries).

    Gold and attention checks count together by question: both have a right answer and look like work.
    """
    results = list(
        campaign.check_results.standing().exclude(kind=Kind.TRAINING).select_related("user").defer("user__password")
    )
    people = _people(campaign, results)
    prompts = _prompts(campaign)
    known = [result for result in results if result.kind in (Kind.GOLD, Kind.ATTENTION)]
    again = [result for result in results if result.kind == Kind.REPEAT]
    keys = list(dict.fromkeys(key for result in [*known, *again] for key in result.scores))
    cells = [
        PersonQuestion(person.name, prompts.get(key, key), found)
        for person in people
        for key in keys
        if (found := _on_question(key, (row for row in known if row.user_id == person.user))).share.n
    ]
    return ChecksReport(
        people,
        [
            QuestionChecks(key, prompts.get(key, key), _on_question(key, known), _on_question(key, again))
            for key in keys
        ],
        cells,
        [str(kind.label) for kind in FIGURES],
        sum(person.failed_attention > 0 for person in people),
    )


def _people(campaign: Campaign, results: Iterable[CheckResult]) -> list[PersonChecks]:
    """Everybody who was checked, or about whom something is decided; failed attention checks first, then by name."""
    progress = {row.user_id: row for row in campaign.progress.select_related("user")}
    found: dict[int, PersonChecks] = {}
    by_kind: dict[tuple[int, str], list[CheckResult]] = defaultdict(list)
    for result in results:
        by_kind[result.user_id, result.kind].append(result)
        found.setdefault(result.user_id, PersonChecks(str(result.user), result.user_id, progress.get(result.user_id)))
    for pk, row in progress.items():
        if row.paused_at or row.qualification != CampaignProgress.Qualification.OPEN:
            found.setdefault(pk, PersonChecks(str(row.user), pk, row))
    for (user, kind), rows in by_kind.items():
        found[user].figures[kind] = _figure([row.passed for row in rows], _scores(row.scores for row in rows))
    return sorted(found.values(), key=lambda person: (-person.failed_attention, person.name))


def _on_question(key: str, results: Iterable[CheckResult]) -> Figure:
    rows = [result.scores[key] for result in results if key in result.scores]
    return _figure([row["passed"] for row in rows], [row["score"] for row in rows if row["score"] is not None])


def _figure(outcomes: list[bool | None], scores: list[float]) -> Figure:
    compared = [outcome for outcome in outcomes if outcome is not None]
    share = wilson(sum(compared), len(compared))
    return Figure(share, fmean(scores) if scores else None, len(outcomes) - len(compared))


def _scores(found: Iterable[Mapping[str, Mapping[str, Any]]]) -> list[float]:
    return [row["score"] for scores in found for row in scores.values() if row["score"] is not None]


def _prompts(campaign: Campaign) -> dict[str, str]:
    """Of every question that was ever asked, the newest wording."""
    found: dict[str, str] = {}
    for protocol in campaign.protocols.order_by("number"):
        found |= {question.key: question.prompt for question in parse_questions(protocol.questions)}
    return found
