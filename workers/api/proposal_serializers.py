"""Shapes of rubric proposals in the API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext
from rest_framework import serializers

from rewards.api.rubric_serializers import CriterionShape, FindingOutput
from rewards.api.serializers import LARGEST_KEY
from workers.actions.rubric_proposals import MOST_OUTPUTS, MOST_TOKENS
from workers.authoring.refinement import MOST_ITERATIONS
from workers.forms.proposal import LARGEST_SEED, WAYS
from workers.models import RubricProposal
from workers.proposal_page import proposal_page


def _key(**options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=LARGEST_KEY, **options)


class NewProposal(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=RubricProposal.Kind.choices)
    task = serializers.CharField(max_length=200, help_text="Its external id.")
    endpoint = _key(help_text="The model that writes.")
    rubric = _key(required=False, allow_null=True, default=None, help_text="To refine.")
    judge = _key(required=False, allow_null=True, default=None, help_text="Scores the outputs; else the same model.")
    way = serializers.ChoiceField(choices=WAYS, required=False, default="reply")
    outputs = serializers.ListField(
        child=_key(), required=False, allow_null=True, default=None, min_length=2, max_length=MOST_OUTPUTS
    )
    iterations = serializers.IntegerField(
        min_value=1, max_value=MOST_ITERATIONS, required=False, default=MOST_ITERATIONS
    )
    tail_share = serializers.FloatField(min_value=0.01, max_value=1, required=False, default=0.25)
    max_new_tokens = serializers.IntegerField(min_value=64, max_value=MOST_TOKENS, required=False, default=2_048)
    seed = serializers.IntegerField(min_value=0, max_value=LARGEST_SEED, required=False, default=0)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] == RubricProposal.Kind.REFINE and attrs["rubric"] is None:
            raise serializers.ValidationError({"rubric": gettext("Say which rubric to refine.")})
        return attrs


class ProposalRowOutput(serializers.ModelSerializer[RubricProposal]):
    task_external_id = serializers.CharField(source="task.external_id", allow_null=True, default=None)
    endpoint = serializers.CharField(source="endpoint.name")

    class Meta:
        model = RubricProposal
        fields = [
            "id",
            "kind",
            "status",
            "rubric",
            "base_version",
            "accepted_version",
            "task_external_id",
            "endpoint",
            "failure",
            "created_at",
            "decided_at",
        ]


class ChangeOutput(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="By which it is accepted.")
    kind = serializers.ChoiceField(choices=["added", "removed", "changed"])
    key = serializers.CharField()
    old = CriterionShape(allow_null=True)
    new = CriterionShape(allow_null=True)


class ProposalReplyOutput(serializers.Serializer[Any]):
    purpose = serializers.CharField()
    parse_state = serializers.CharField()
    text = serializers.CharField()
    detail = serializers.CharField()
    prompt_sha256 = serializers.CharField()
    seed = serializers.IntegerField(allow_null=True)


class ProposalOutput(ProposalRowOutput):
    request = serializers.JSONField()
    criteria = CriterionShape(many=True, help_text="The rubric with all changes.")
    changes = ChangeOutput(many=True)
    findings = FindingOutput(many=True, help_text="What lint says of the rubric with all changes.")
    facts = serializers.JSONField(help_text="What was measured, and what was dropped and why.")
    replies = ProposalReplyOutput(many=True)

    class Meta(ProposalRowOutput.Meta):
        fields = [*ProposalRowOutput.Meta.fields, "request", "criteria", "changes", "findings", "facts", "replies"]


class Acceptance(serializers.Serializer[Any]):
    changes = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        allow_null=True,
        default=None,
        help_text="Ids of changes; null for all of them.",
    )


class AcceptedOutput(serializers.Serializer[Any]):
    rubric = serializers.IntegerField()
    version = serializers.IntegerField(help_text="Its number.")


def proposal_data(proposal: RubricProposal) -> dict[str, Any]:
    """The body of `ProposalOutput`."""
    page = proposal_page(proposal)
    return dict(ProposalRowOutput(proposal).data) | {
        "request": proposal.request,
        "criteria": proposal.content,
        "changes": [
            {
                "id": change.id,
                "kind": change.kind,
                "key": change.key,
                "old": asdict(change.old) if change.old else None,
                "new": asdict(change.new) if change.new else None,
            }
            for change in page.changes
        ],
        "findings": [finding._asdict() for finding in page.findings],
        "facts": proposal.facts,
        "replies": [
            {name: reply.get(name) for name in ("purpose", "parse_state", "text", "detail", "prompt_sha256", "seed")}
            for reply in proposal.replies
        ],
    }
