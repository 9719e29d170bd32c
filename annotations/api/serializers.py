"""Shapes of the campaigns' API. Views call the actions; nothing is decided here."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from annotations.models import Assignment, Campaign, CampaignProtocol
from annotations.protocols import LABELS


class CampaignRow(serializers.ModelSerializer[Campaign]):
    """What annotators and everyone else may know of a campaign."""

    mine = serializers.IntegerField(allow_null=True, help_text="How many items you have submitted; null for none.")
    submitted_count = serializers.IntegerField(source="answered_count", help_text="Answers given.")

    class Meta:
        model = Campaign
        fields = ["id", "name", "status", "overlap", "item_count", "submitted_count", "mine", "created_at"]


class ProtocolOutput(serializers.ModelSerializer[CampaignProtocol]):
    questions = serializers.ListField(child=serializers.DictField(), help_text="See annotations.protocols.")
    examples = serializers.ListField(child=serializers.DictField(), help_text="is_good, text, reason.")

    class Meta:
        model = CampaignProtocol
        fields = ["number", "questions", "guidelines", "examples", "show_reference", "content_hash", "created_at"]


class CampaignOutput(serializers.ModelSerializer[Campaign]):
    protocol = ProtocolOutput(allow_null=True)
    selection = serializers.DictField(help_text="How the items were chosen.")
    leak_scan = serializers.DictField(help_text="Texts that give their author away, found when the items were chosen.")
    people = serializers.SerializerMethodField(help_text="User names of those who are asked; empty for everyone.")

    class Meta:
        model = Campaign
        fields = [
            "id",
            "name",
            "status",
            "overlap",
            "people",
            "lease_minutes",
            "undo_minutes",
            "reveals_policies",
            "item_count",
            "submitted_count",
            "protocol",
            "selection",
            "leak_scan",
            "created_at",
        ]

    def get_people(self, campaign: Campaign) -> list[str]:
        return sorted(campaign.campaign_members.values_list("user__username", flat=True))


class ProtocolInput(serializers.Serializer[Any]):
    questions = serializers.ListField(child=serializers.DictField(), help_text="See annotations.protocols.")
    guidelines = serializers.CharField(required=False, allow_blank=True, default="", max_length=50_000)
    show_reference = serializers.BooleanField(required=False, default=False)
    examples = serializers.ListField(
        child=serializers.DictField(), required=False, default=list, help_text="Each with is_good, text and reason."
    )


class TaskSelectionInput(serializers.Serializer[Any]):
    tags = serializers.ListField(child=serializers.CharField(max_length=100), required=False, default=list)
    splits = serializers.ListField(child=serializers.CharField(max_length=40), required=False, default=list)
    task_ids = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, default=list, help_text="External ids."
    )
    limit = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)
    outputs_per_item = serializers.IntegerField(required=False, default=2, min_value=1, max_value=len(LABELS))


class CampaignInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    protocol = ProtocolInput()
    selection = TaskSelectionInput(required=False, default=dict)
    overlap = serializers.IntegerField(required=False, default=1, min_value=1, max_value=100)
    lease_minutes = serializers.IntegerField(required=False, default=30, min_value=2, max_value=1440)
    undo_minutes = serializers.IntegerField(required=False, default=15, min_value=0, max_value=1440)
    reveals_policies = serializers.BooleanField(
        required=False, default=False, help_text="Tell people who wrote what they judged, once that changes no answer."
    )
    people = serializers.ListField(
        child=serializers.CharField(max_length=150),
        required=False,
        default=list,
        help_text="User names; empty for everyone who may annotate.",
    )


class ShownMessage(serializers.Serializer[Any]):
    channel = serializers.CharField()
    text = serializers.CharField()
    text_sha256 = serializers.CharField()


class ShownOutput(serializers.Serializer[Any]):
    label = serializers.CharField(help_text="A, B, ... in the order shown.")  # type: ignore[assignment]
    messages = ShownMessage(many=True)
    tokens = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Where tokens begin and end by message, in code points, packed as rewards.heat says; null without.",
    )


class PromptMessage(serializers.Serializer[Any]):
    role = serializers.CharField()
    text = serializers.CharField()


class DraftOutput(serializers.Serializer[Any]):
    answer = serializers.DictField()
    revision = serializers.IntegerField()
    saved_at = serializers.DateTimeField()


class CampaignName(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class AssignmentOutput(serializers.Serializer[Any]):
    """An item as its annotator sees it: outputs under neutral labels."""

    id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=Assignment.Status.choices)
    lease_until = serializers.DateTimeField()
    campaign = CampaignName()
    guidelines = serializers.CharField()
    examples = serializers.ListField(child=serializers.DictField(), help_text="is_good, text, reason.")
    prompt = PromptMessage(many=True)
    context = serializers.CharField()  # type: ignore[assignment]
    reference = serializers.CharField(allow_null=True)
    outputs = ShownOutput(many=True)
    questions = serializers.ListField(child=serializers.DictField())
    draft = DraftOutput(allow_null=True)
    active_ms = serializers.IntegerField()
    overlay = serializers.CharField(
        allow_null=True, help_text="When a model's values may be shown: start, after (the first own answer), or null."
    )


class AssignmentDetailOutput(AssignmentOutput):
    """With what there is to say of an item that is submitted."""

    answer = serializers.DictField(required=False, help_text="As it was submitted; empty where retention took it.")
    undo_until = serializers.DateTimeField(
        required=False, allow_null=True, help_text="How long the submit can be taken back; null where it never can."
    )
    policies = serializers.DictField(
        child=serializers.CharField(allow_blank=True),
        required=False,
        allow_null=True,
        help_text="Who wrote the outputs, by label, where the campaign tells it and nothing hangs on it any more.",
    )


class OverlayBlock(serializers.Serializer[Any]):
    spans = serializers.ListField(child=serializers.CharField(), help_text="By message, packed; UTF-16 offsets.")
    values = serializers.CharField(help_text="Packed, three digits each.")
    base = serializers.IntegerField()
    merged = serializers.DictField(child=serializers.IntegerField())


class OverlaySource(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="A number, or People: the share of people who marked a word elsewhere.")
    limit = serializers.FloatField(help_text="The magnitude at which the colour is darkest.")
    outputs = serializers.DictField(
        child=OverlayBlock(allow_null=True), help_text="By label; null where nothing is stored."
    )


class OverlayMark(serializers.Serializer[Any]):
    """A span that a model marked, in code points; what one says of it goes into the answer under `@marks`."""

    id = serializers.IntegerField()
    source = serializers.CharField()  # type: ignore[assignment]
    output = serializers.CharField(help_text="The label.")
    message = serializers.IntegerField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    quote = serializers.CharField()
    type = serializers.CharField()
    severity = serializers.CharField()
    comment = serializers.CharField()


class OverlayOutput(serializers.Serializer[Any]):
    """What models gave the texts, without their names. rewards.heat says how it is packed."""

    sources = OverlaySource(many=True)
    marks = OverlayMark(many=True)


class NextInput(serializers.Serializer[Any]):
    with_item = serializers.BooleanField(
        required=False, default=False, help_text="Send the item along, as a further request for it would."
    )
    with_page = serializers.BooleanField(
        required=False, default=False, help_text="Send what its page shows along, as `page`."
    )


class NextOutput(serializers.Serializer[Any]):
    assignment = serializers.IntegerField(allow_null=True, help_text="Null if there is none for you now.")
    url = serializers.CharField(allow_null=True, help_text="Its page.")
    is_done = serializers.BooleanField(help_text="No item of this campaign waits for you, now or later.")
    item = AssignmentOutput(allow_null=True, help_text="Where it was asked for.")
    page = serializers.CharField(
        allow_null=True, help_text="HTML for the annotation page's scripts, where it was asked for."
    )


# A day: more than that on one item is a clock gone wrong.
_LONGEST_MS = 86_400_000


class DraftInput(serializers.Serializer[Any]):
    answer = serializers.DictField()
    revision = serializers.IntegerField(min_value=0, help_text="The revision last seen; 0 for none.")
    active_ms = serializers.IntegerField(required=False, min_value=0, max_value=_LONGEST_MS)
    first_finished = serializers.BooleanField(
        required=False,
        default=False,
        help_text="In a study of the order: the first part is finished; before that the second is refused.",
    )


class SavedDraftOutput(serializers.Serializer[Any]):
    revision = serializers.IntegerField()
    saved_at = serializers.DateTimeField()
    lease_until = serializers.DateTimeField()


class HeartbeatInput(serializers.Serializer[Any]):
    active_ms = serializers.IntegerField(required=False, min_value=0, max_value=_LONGEST_MS)


class LeaseOutput(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=Assignment.Status.choices)
    lease_until = serializers.DateTimeField()


class SubmitInput(serializers.Serializer[Any]):
    key = serializers.CharField(max_length=100, help_text="Chosen by you; repeating it changes nothing.")
    answer = serializers.DictField(help_text="By question; see annotations.protocols.")
    active_ms = serializers.IntegerField(required=False, default=0, min_value=0, max_value=_LONGEST_MS)
    active_parts = serializers.DictField(
        child=serializers.IntegerField(min_value=0, max_value=_LONGEST_MS),
        required=False,
        default=dict,
        help_text="Of active_ms, by `prompt`, `guidelines`, `response:<label>` and `question:<key>`.",
    )
    with_next = serializers.BooleanField(
        required=False, default=False, help_text="Lease the next item as well: `next` is then its page."
    )
    with_item = serializers.BooleanField(
        required=False, default=False, help_text="Beside `with_next`: send that item along, as `item`."
    )
    with_page = serializers.BooleanField(
        required=False, default=False, help_text="Beside `with_next`: send what its page shows along, as `page`."
    )


class SubmittedOutput(serializers.Serializer[Any]):
    submission = serializers.UUIDField()
    submitted_at = serializers.DateTimeField()
    undo_until = serializers.DateTimeField()
    next = serializers.CharField(
        allow_null=True,
        help_text="The page to go to: feedback after training, the next item where it was asked for; else null.",
    )
    item = AssignmentOutput(allow_null=True, help_text="The next item, where it was asked for.")
    page = serializers.CharField(
        allow_null=True, help_text="HTML of the next item for the annotation page's scripts, where it was asked for."
    )


class SkipInput(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=300)
