"""What a model gave the texts of an item, token by token, as the annotator's page may show it.

Which model it is stays here: the page gets numbers and where they stand. Whether a person saw them is part of the
answer (`protocols.SHOWN`), and with the arm in every judgment.
"""

from collections.abc import Mapping
from typing import Any

from annotations.arms import OVERLAY, OVERLAY_AFTER, OVERLAY_OFF
from annotations.blinding import outputs_of, shown_item
from annotations.models import Assignment, Campaign, CampaignItemOutput, Draft
from annotations.protocols import SHOWN
from projects.errors import AppError
from rewards.heat import Merged, display_block, merge_overlaps, scale_limit
from rewards.models import Rater, RewardSignal
from rewards.querysets.signal import SignalChoice
from rewards.signal_store import load


def overlay_level(assignment: Assignment) -> str | None:
    """When the page may show the overlay: after or start; None where it never does."""
    level = assignment.arm.get(OVERLAY, OVERLAY_OFF)
    return None if level == OVERLAY_OFF else level


def overlay_data(assignment: Assignment) -> dict[str, Any]:
    """The values over the item's texts (four queries; one more where an answer of one's own comes first).

    Returns
    -------
    dict
        ``limit``: the magnitude at which the colour is darkest, common to the outputs; ``outputs``: by label what
        `rewards.heat.display_block` says, None for one that the model gave nothing.

    Raises
    ------
    AppError
        409 with ``overlay_off`` where nothing is shown beside this item, ``overlay_too_early`` before the person has
        answered anything here.
    """
    level = overlay_level(assignment)
    choice = chosen_signal(assignment.campaign)
    if level is None or choice is None:
        raise AppError("Nothing of a model is shown beside this item.", code="overlay_off", status=409)
    if level == OVERLAY_AFTER and not _has_begun(assignment):
        raise AppError("Answer something yourself first.", code="overlay_too_early", status=409)
    outputs = list(outputs_of(assignment))
    texts = {output.pk: [message["text"] for message in output.messages] for output in outputs}
    stored = load(RewardSignal.objects.filter(project=assignment.project_id).chosen(choice, list(texts)))
    merged: dict[int, Merged] = {row.output_id: merge_overlaps(row.signal) for row in stored}
    blocks = {pk: display_block(found, texts[pk]) for pk, found in merged.items()}
    return {
        "limit": scale_limit([found.values for found in merged.values()]),
        "outputs": {shown.label: blocks.get(shown.pk) for shown in shown_item(assignment, outputs).outputs},
    }


def chosen_signal(campaign: Campaign) -> SignalChoice | None:
    """Which stored numbers the campaign shows, if any."""
    plan = getattr(campaign, "plan", None)
    config = plan.arms.get(OVERLAY) if plan is not None else None
    return SignalChoice(config["rater"], config["channel"], config["segmenter"]) if config else None


def overlay_choices(campaign: Campaign) -> list[tuple[SignalChoice, str]]:
    """Whatever stands token by token on outputs of this campaign, with words for who plans it (two queries)."""
    outputs = CampaignItemOutput.objects.filter(item__campaign=campaign).values("output")
    signals = RewardSignal.objects.filter(project=campaign.project_id, output__in=outputs)
    choices = signals.of_project_choices()
    names = dict(Rater.objects.filter(pk__in={one.rater_id for one in choices}).values_list("pk", "name"))
    return [(one, f"{names[one.rater_id]} · {one.channel} · by {one.segmenter}") for one in choices]


def _has_begun(assignment: Assignment) -> bool:
    """Whether a draft on the server says anything, or an answer stands."""
    if assignment.status == Assignment.Status.SUBMITTED:
        return True
    draft = Draft.objects.filter(assignment=assignment).first()
    return draft is not None and any(_says(value) for key, value in draft.answer.items() if key != SHOWN)


def _says(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_says(part) for part in value.values())
    return value is not None and value not in ("", [])
