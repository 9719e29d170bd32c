"""What a worker does with a rubric proposal: load the models, write or refine, and put down what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rewards.models import Output, Task
from rewards.rubrics.parse import rubric_to_dict
from workers import model_loading
from workers.authoring.generation import Report, Writing, generate_rubric
from workers.authoring.human_pairs import human_pairs
from workers.authoring.judging import Judge
from workers.authoring.refinement import Refinement, Scores, refine_rubric
from workers.authoring.replies import Dropped
from workers.authoring.tail import HumanPair, pairwise_accuracy, standing, tail
from workers.inputs import group_item, output_item
from workers.models import ModelEndpoint, RubricProposal
from workers.outcomes import storable
from workers.sources.results import Reply

_LONGEST_REPLY = 20_000


@dataclass(frozen=True)
class Written:
    """What came of a proposal: `failure` says why there is nothing to read, else `content` holds the criteria."""

    content: list[dict[str, Any]]
    facts: dict[str, Any]
    replies: list[dict[str, Any]]
    failure: str = ""


def write(proposal: RubricProposal, report: Report) -> Written:
    """Compute a proposal; called outside of transactions.

    Raises
    ------
    EngineError
        Where a model cannot be loaded or asked.
    """
    if proposal.kind == RubricProposal.Kind.GENERATE:
        return _generate(proposal, report)
    return _refine(proposal, report)


def _generate(proposal: RubricProposal, report: Report) -> Written:
    assert proposal.task is not None
    report(f"loading {proposal.endpoint.name}")
    engine = model_loading.engine_for(proposal.endpoint)
    answer = generate_rubric(engine, group_item(proposal.task, (), (), key="task"), _writing(proposal), report)
    replies = _replies(answer.replies)
    if answer.value is None:
        return Written([], {}, replies, storable(answer.failure))
    facts = {"dropped": _dropped(answer.value.dropped), "note": answer.value.note}
    return Written(rubric_to_dict(answer.value.content)["criteria"], facts, replies)


def _refine(proposal: RubricProposal, report: Report) -> Written:
    assert proposal.base_version is not None
    request = proposal.request
    outputs = candidate_outputs(proposal.task, request.get("outputs"), most=int(request["most_outputs"]))
    base = proposal.base_version.content()
    report(f"loading {proposal.endpoint.name}")
    proposer = model_loading.engine_for(proposal.endpoint)
    judging = proposal.endpoint
    if request.get("judge") not in (None, proposal.endpoint_id):
        judging = ModelEndpoint.objects.get(pk=request["judge"])
        report(f"loading {judging.name}")
    writing = _writing(proposal)
    refined = refine_rubric(
        proposer,
        Judge(model_loading.engine_for(judging), request["way"], seed=writing.seed),
        base,
        [output_item(output.task, [output], (), key=str(output.pk)) for output in outputs],
        iterations=int(request["iterations"]),
        writing=writing,
        report=report,
    )
    facts = _facts(refined, human_pairs([output.pk for output in outputs]), float(request["tail_share"]))
    changed = refined.content != base
    return Written(
        rubric_to_dict(refined.content)["criteria"] if changed else [],
        facts,
        _replies(refined.replies),
        "" if changed else storable(refined.detail or _STOPPED.get(refined.stopped, refined.stopped)),
    )


def candidate_outputs(task: Task | None, chosen: Sequence[int] | None, *, most: int) -> list[Output]:
    """The outputs that are told apart: those chosen, else of each policy in turn, as the paper's diverse candidates."""
    current = Output.objects.current().filter(task=task).select_related("task", "policy").order_by("id")
    if chosen:
        return list(current.filter(pk__in=chosen)[:most])
    turns: dict[int | None, int] = {}
    by_turn = []
    for output in current:
        turn = turns[output.policy_id] = turns.get(output.policy_id, -1) + 1
        by_turn.append((turn, output.pk, output))
    return [output for _, _, output in sorted(by_turn, key=lambda place: place[:2])[:most]]


_STOPPED = {
    "too_few_outputs": "too few outputs are left to tell two apart",
    "too_few_scored": "the judge's replies gave fewer than two outputs a score",
    "no_edits": "the proposer changed nothing",
}


def _writing(proposal: RubricProposal) -> Writing:
    return Writing(max_new_tokens=int(proposal.request["max_new_tokens"]), seed=int(proposal.request["seed"]))


def _facts(refined: Refinement, pairs: Sequence[HumanPair], share: float) -> dict[str, Any]:
    return {
        "stopped": refined.stopped,
        "detail": storable(refined.detail),
        "iterations": [
            asdict(each) | {"dropped": _dropped(each.dropped), "is_separated": each.is_separated}
            for each in refined.iterations
        ],
        "scores": [
            {"output": int(key), "before": value, "after": refined.after.get(key)}
            for key, value in refined.before.items()
        ],
        "accuracy": _accuracy(refined, pairs, share),
    }


def _accuracy(refined: Refinement, pairs: Sequence[HumanPair], share: float) -> dict[str, Any]:
    """Before and after, over all pairs that people decided and over those among the best outputs."""
    if not any(pair.is_decided for pair in pairs):
        return {"n_pairs": 0}
    best = tail(pairs, share)

    def measured(scores: Scores) -> dict[str, Any]:
        found = {"all": pairwise_accuracy(scores, pairs), "tail": pairwise_accuracy(scores, pairs, best)}
        return {
            name: accuracy._asdict() | {"value": accuracy.value, "n": accuracy.n} for name, accuracy in found.items()
        }

    return {
        "n_pairs": len(pairs),
        "n_outputs": len(standing(pairs)),
        "tail_share": share,
        "tail_outputs": sorted(int(output) for output in best),
        "before": measured(refined.before),
        "after": measured(refined.after),
    }


def _dropped(items: Sequence[Dropped]) -> list[dict[str, str]]:
    return [{"item": storable(item.item), "reason": storable(item.reason)} for item in items]


def _replies(replies: Sequence[Reply]) -> list[dict[str, Any]]:
    return [
        asdict(reply)
        | {"text": storable(reply.text)[:_LONGEST_REPLY], "detail": storable(reply.detail)}
        | {"is_understood": reply.is_understood}
        for reply in replies
    ]
