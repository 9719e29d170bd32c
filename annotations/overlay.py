"""What a model gave the texts of an item, token by token, as the annotator's page may show it.

Which model it is stays here: the page gets numbers and where they stand. Whether a person saw them is part of the
answer (`protocols.SHOWN`), and with the arm in every judgment.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext

from annotations.answers import says
from annotations.arms import OVERLAY, OVERLAY_AFTER, OVERLAY_OFF
from annotations.blinding import outputs_of, shown_item
from annotations.models import Assignment, Campaign, CampaignItemOutput, Draft, Submission
from annotations.proposals import proposals_in
from annotations.protocols import REVIEWS, SHOWN, STAGES
from projects.errors import AppError
from rewards.heat import Merged, display_block, merge_overlaps, scale_limit
from rewards.models import Judgment, Output, Rater, RewardSignal, SpanMark
from rewards.querysets.signal import SignalChoice
from rewards.signal_store import load

LEAST_PEOPLE = 2
"""Whose marks are shown together: of one person they would be that person's answer."""


class Shown(NamedTuple):
    """What a campaign shows over the texts of its items, as its plan names it."""

    signals: Sequence[SignalChoice] = ()
    marks: Sequence[int] = ()
    """Raters whose spans are accepted, changed or rejected."""
    people: bool = False

    def name_of(self, rater_id: int) -> str:
        """How annotators know a model: by its number, in the order of the plan."""
        raters = list(dict.fromkeys([*(signal.rater_id for signal in self.signals), *self.marks]))
        return gettext("Model %s") % (raters.index(rater_id) + 1) if len(raters) > 1 else gettext("Model")

    def names(self) -> list[str]:
        """One for each of `signals`; several values of one model are numbered."""
        models = [self.name_of(signal.rater_id) for signal in self.signals]
        given: Counter[str] = Counter()
        found = []
        for name in models:
            given[name] += 1
            found.append(f"{name}, value {given[name]}" if models.count(name) > 1 else name)
        return found


def shown_by(campaign: Campaign) -> Shown:
    """What the campaign's plan says; nothing where there is no plan."""
    plan = getattr(campaign, "plan", None)
    config = plan.arms.get(OVERLAY) if plan is not None else None
    if not config:
        return Shown()
    # A plan from before there could be several names one at the top.
    sources = config.get("sources", [config] if "rater" in config else [])
    signals = [SignalChoice(one["rater"], one["channel"], one["segmenter"]) for one in sources]
    return Shown(signals, config.get("marks", []), config.get("people", False))


def overlay_level(assignment: Assignment) -> str | None:
    """When the page may show the overlay: after or start; None where it never does."""
    level = assignment.arm.get(OVERLAY, OVERLAY_OFF)
    return None if level == OVERLAY_OFF else level


def overlay_data(assignment: Assignment) -> dict[str, Any]:
    """The values over the item's texts, and the spans that models marked there.

    One query for the outputs, three for each source of values, one each for marks and for people; one more where an
    answer of one's own comes first.

    Returns
    -------
    dict
        ``sources``: of each its ``name``, ``limit``, the magnitude at which the colour is darkest, common to the
        outputs, and ``outputs``: by label what `rewards.heat.display_block` says, None for one that the source gave
        nothing.
        ``marks``: see `annotations.proposals.proposals_in`.

    Raises
    ------
    AppError
        409 with ``overlay_off`` where nothing is shown beside this item, ``overlay_too_early`` before the person has
        answered anything here.
    """
    level = overlay_level(assignment)
    shown = shown_by(assignment.campaign)
    if level is None or shown == Shown():
        raise AppError(gettext("Nothing of a model is shown beside this item."), code="overlay_off", status=409)
    if level == OVERLAY_AFTER and not _has_begun(assignment):
        raise AppError(gettext("Answer something yourself first."), code="overlay_too_early", status=409)
    outputs = outputs_of(assignment)
    labels = {shown.pk: shown.label for shown in shown_item(assignment, outputs).outputs}
    sources = [
        _source(name, _signals_of(assignment.project_id, signal, outputs), outputs, labels)
        for name, signal in zip(shown.names(), shown.signals, strict=True)
    ]
    if shown.people:
        sources.append(_source(gettext("People"), _people_of(assignment, outputs), outputs, labels))
    return {"sources": sources, "marks": proposals_in(assignment, shown.marks, labels, shown.name_of)}


def overlay_choices(campaign: Campaign) -> list[tuple[SignalChoice, str]]:
    """Whatever stands token by token on outputs of this campaign, with words for who plans it (two queries)."""
    signals = RewardSignal.objects.filter(project=campaign.project_id, output__in=_outputs_in(campaign))
    choices = signals.of_project_choices()
    names = dict(Rater.objects.filter(pk__in={one.rater_id for one in choices}).values_list("pk", "name"))
    return [(one, f"{names[one.rater_id]} · {one.channel} · by {one.segmenter}") for one in choices]


def mark_choices(campaign: Campaign) -> list[tuple[int, str]]:
    """The models that marked spans in outputs of this campaign, with their names (one query)."""
    marks = SpanMark.objects.filter(output__in=_outputs_in(campaign), judgment__withdrawn_at=None)
    raters = Rater.objects.filter(
        project=campaign.project_id, kind=Rater.Kind.SCORER, pk__in=marks.values("judgment__rater")
    )
    return list(raters.order_by("name", "pk").values_list("pk", "name"))


def _outputs_in(campaign: Campaign) -> Any:
    return CampaignItemOutput.objects.filter(item__campaign=campaign).values("output")


def _source(
    name: str, merged: Mapping[int, Merged], outputs: Sequence[Output], labels: Mapping[int, str]
) -> dict[str, Any]:
    texts = {output.pk: [message["text"] for message in output.messages] for output in outputs}
    return {
        "name": name,
        "limit": scale_limit([found.values for found in merged.values()]),
        "outputs": {
            label: display_block(merged[pk], texts[pk]) if pk in merged else None for pk, label in labels.items()
        },
    }


def _signals_of(project_id: int, choice: SignalChoice, outputs: Sequence[Output]) -> dict[int, Merged]:
    """By output (three queries)."""
    stored = load(RewardSignal.objects.filter(project=project_id).chosen(choice, [output.pk for output in outputs]))
    return {row.output_id: merge_overlaps(row.signal) for row in stored}


def _people_of(assignment: Assignment, outputs: Sequence[Output]) -> dict[int, Merged]:
    """By output, the share of people who marked each stretch, of those who looked for spans (two queries).

    They said so outside this campaign: what those who answer beside this person say is for nobody to see. An output at
    which fewer than `LEAST_PEOPLE` looked has none.
    """
    asked = _asked_of_people(assignment, [output.pk for output in outputs])
    raters: dict[int, set[int]] = {}
    for output, rater in asked.values_list("output", "rater"):
        raters.setdefault(output, set()).add(rater)
    marks: dict[int, set[tuple[int, int, int, int]]] = {}
    fields = ("output", "judgment__rater", "message", "start", "end")
    for output, *mark in SpanMark.objects.filter(judgment__in=asked).values_list(*fields):
        marks.setdefault(output, set()).add((mark[0], mark[1], mark[2], mark[3]))
    seen = [output for output in outputs if len(raters.get(output.pk, ())) >= LEAST_PEOPLE]
    lengths = {output.pk: [len(message["text"]) for message in output.messages] for output in seen}
    return {output.pk: shares(marks.get(output.pk, ()), len(raters[output.pk]), lengths[output.pk]) for output in seen}


def _asked_of_people(assignment: Assignment, output_ids: Collection[int]) -> Any:
    here = Submission.objects.filter(assignment__campaign=assignment.campaign_id).values("act")
    asked = Judgment.objects.standing().without_reviews().without_settled()
    asked = asked.filter(project=assignment.project_id, kind=Judgment.Kind.SPANS, output__in=output_ids)
    people = asked.exclude(rater__kind=Rater.Kind.SCORER).exclude(rater__user=assignment.user_id)
    return people.exclude(presentation__has_key="asked").exclude(act__in=here)


def shares(marks: Collection[tuple[int, int, int, int]], people: int, lengths: Sequence[int]) -> Merged:
    """Each message cut where a mark begins or ends, with the share of `people` who marked the stretch.

    Parameters
    ----------
    marks : collection of (rater, message, start, end)
        In code points; several of one rater count once where they overlap.
    people : int
        How many looked, marking or not.
    lengths : sequence of int
        Of the messages, in code points.
    """
    spans: list[tuple[int, int, int]] = []
    values: list[float] = []
    for message, length in enumerate(lengths):
        counts: npt.NDArray[np.int64] = np.zeros(length, dtype=np.int64)
        for rater in {mark[0] for mark in marks}:
            has_marked = np.zeros(length, dtype=bool)
            for _, _, start, end in (mark for mark in marks if mark[:2] == (rater, message)):
                has_marked[start:end] = True
            counts += has_marked
        edges = [0, *(np.flatnonzero(np.diff(counts)) + 1).tolist(), length] if length else []
        spans += [(message, start, end) for start, end in pairwise(edges)]
        values += [counts[start] / people for start in edges[:-1]]
    cut = np.array(spans, dtype=np.int32).reshape(-1, 3)
    return Merged(cut, np.array(values), np.ones(len(values), dtype=np.int64))


def _has_begun(assignment: Assignment) -> bool:
    """Whether a draft on the server says anything of the person's own, or an answer stands."""
    if assignment.status == Assignment.Status.SUBMITTED:
        return True
    draft = Draft.objects.filter(assignment=assignment).first()
    if draft is None:
        return False
    return any(says(value) for key, value in draft.answer.items() if key not in (SHOWN, REVIEWS, STAGES))
