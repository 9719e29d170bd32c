"""What an annotator is given: the one shape that the page and the API send, and the one place that blinds it.

Only what stands here leaves the server towards annotators. No policy, external id, tag, file name, generation setting
or answer of another person is read into it.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from annotations.arms import guidelines_for, in_sequence
from annotations.blinding import outputs_of, shown_item
from annotations.models import Assignment, CampaignProtocol, Draft
from annotations.overlay import overlay_level
from annotations.protocols import Question, ShownItem, asks_for_marks, parse_questions
from annotations.stages import without_stages
from projects.compiled import CompiledQuery
from rewards.heat import pack_tokens
from rewards.models import Output, Task
from rewards.signal_store import load_tokens
from rewards.text import sha256_text

CHANNELS = {"answer", "thinking", "tool"}
ROLES = {"system", "user", "assistant", "tool"}


def assignment_data(assignment: Assignment) -> dict[str, Any]:
    """Task, outputs, questions and draft of an assignment (two queries; one more where marks snap to tokens)."""
    outputs = outputs_of(assignment)
    [task] = _shown_tasks(assignment.item.task_id)
    draft: Draft | None = getattr(assignment, "draft", None)
    item = shown_item(assignment, outputs)
    questions = in_sequence(parse_questions(assignment.protocol.questions), assignment.arm)
    return {
        "id": assignment.pk,
        "status": assignment.status,
        "lease_until": assignment.lease_until.isoformat(),
        "campaign": {"id": assignment.campaign_id, "name": assignment.campaign.name},
        "guidelines": guidelines_for(assignment),
        "examples": assignment.protocol.examples,
        **shown_task(task, assignment.protocol),
        "outputs": _with_tokens(texts_of(item, outputs), item, questions),
        "questions": [{**question.config(), **question.layout(item)} for question in questions],
        "draft": draft and draft_data(draft),
        "active_ms": assignment.active_ms,
        "overlay": overlay_level(assignment),
    }


@CompiledQuery
def _shown_tasks(pk: int) -> QuerySet[Task]:
    return Task.objects.only("messages", "context", "reference").filter(pk=pk)


def questions_to_show(assignment: Assignment) -> list[Question]:
    """The questions as objects, for the template."""
    return in_sequence(parse_questions(assignment.protocol.questions), assignment.arm)


def draft_data(draft: Draft) -> dict[str, Any]:
    """A draft as the page keeps it."""
    return {"answer": without_stages(draft.answer), "revision": draft.revision, "saved_at": draft.saved_at.isoformat()}


def shown_task(task: Task, protocol: CampaignProtocol) -> dict[str, Any]:
    """The prompt with what is shown beside it."""
    return {
        "prompt": [
            {"role": _known(message["role"], ROLES, "user"), "text": message["text"]} for message in task.messages
        ],
        "context": task.context,
        "reference": task.reference if protocol.show_reference else None,
    }


def texts_of(item: ShownItem, outputs: Sequence[Output]) -> list[dict[str, Any]]:
    """The messages of the outputs under their labels, in the order shown."""
    messages = {output.pk: output.messages for output in outputs}
    return [
        {
            "label": shown.label,
            "messages": [
                {
                    "channel": _known(message.get("channel", "answer"), CHANNELS, "answer"),
                    "text": message["text"],
                    "text_sha256": sha256_text(message["text"]),
                }
                for message in messages[shown.pk]
            ],
        }
        for shown in item.outputs
    ]


def _with_tokens(shown: list[dict[str, Any]], item: ShownItem, questions: Sequence[Question]) -> list[dict[str, Any]]:
    """The outputs with where tokens begin and end by message, packed; None where none are stored or nothing is marked.

    They are of whichever tokenizer cut the texts for a model's values, which is not named.
    """
    asks = any(asks_for_marks(question) for question in questions)
    cuts = load_tokens(output.pk for output in item.outputs) if asks else {}
    return [
        {**one, "tokens": pack_tokens(cuts[output.pk], len(output.texts)) if output.pk in cuts else None}
        for one, output in zip(shown, item.outputs, strict=True)
    ]


def _known(value: str, known: set[str], otherwise: str) -> str:
    """Names that an import made up could say where a text comes from."""
    return value if value in known else otherwise
