"""What the page of one proposal shows."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from rewards.models import Output
from rewards.provenance import ShownReply, shown_replies
from rewards.rubrics.content import RubricContent
from rewards.rubrics.lint import Finding, lint
from rewards.rubrics.parse import rubric_from_dict
from workers.models import RubricProposal
from workers.proposal_changes import Change, changes_of


class ScoredOutput(NamedTuple):
    """One candidate before and after; None where the judge's replies gave no score."""

    output: Output
    before: float | None
    after: float | None


class Round(NamedTuple):
    """One iteration with its two outputs, in place of their keys."""

    first: Output | None
    second: Output | None
    facts: Mapping[str, Any]


class ProposalPage(NamedTuple):
    changes: list[Change]
    n_criteria: int
    findings: list[Finding]
    rounds: list[Round]
    scores: list[ScoredOutput]
    n_scored: int
    replies: list[ShownReply]
    n_understood: int


def proposal_page(proposal: RubricProposal) -> ProposalPage:
    """All of it; three queries at most. The content was valid when it was stored."""
    base = proposal.base_version.content() if proposal.base_version else RubricContent(())
    proposed = rubric_from_dict(proposal.content) if proposal.content else None
    rows = proposal.facts.get("scores", [])
    outputs = Output.objects.for_ranking([row["output"] for row in rows])
    scores = [
        ScoredOutput(outputs[row["output"]], row["before"], row["after"]) for row in rows if row["output"] in outputs
    ]
    replies = shown_replies(proposal.replies)
    return ProposalPage(
        changes=changes_of(base, proposed) if proposed else [],
        n_criteria=len(proposed.criteria) if proposed else 0,
        findings=lint(proposed) if proposed else [],
        rounds=[
            Round(outputs.get(int(facts["first"])), outputs.get(int(facts["second"])), facts)
            for facts in proposal.facts.get("iterations", [])
        ],
        scores=sorted(scores, key=lambda row: (row.after is None, -(row.after or 0.0))),
        n_scored=sum(row.after is not None for row in scores),
        replies=replies,
        n_understood=sum(reply.is_understood for reply in replies),
    )
