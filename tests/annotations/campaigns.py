"""Builders of campaigns for the tests here."""

from typing import Any

from annotations.actions.campaign import ProtocolContent, create_campaign, open_campaign
from annotations.models import Assignment, Campaign, CampaignItemOutput
from annotations.protocols.presets import PRESETS
from annotations.selection import Selection
from projects.models import Project, User
from rewards.models import Output, Task
from rewards.text import sha256_text
from tests.factories import make_output, make_task

FULL = PRESETS["full"].questions


def make_item_outputs(project: Project, texts: list[str], prompt: str = "What is the capital of France?") -> Task:
    """A task with an output for each text, each by a policy of its own."""
    task = make_task(project, prompt=prompt)
    for number, text in enumerate(texts):
        make_output(task, text, policy=f"secret-policy-{number}")
    Task.objects.filter(pk=task.pk).update(output_count=len(texts))
    return task


def make_campaign(
    project: Project,
    actor: User,
    *,
    items: int = 1,
    texts: list[str] | None = None,
    questions: list[dict[str, Any]] | None = None,
    name: str = "Which answer helps?",
    is_open: bool = True,
    **fields: Any,
) -> Campaign:
    """An open campaign over new tasks with two outputs each, unless told otherwise."""
    for _ in range(items):
        make_item_outputs(project, texts or ["Paris is the capital.", "It is Lyon."])
    content = ProtocolContent(questions=questions or FULL, guidelines="Read both answers first.")
    campaign = create_campaign(
        project=project,
        actor=actor,
        name=name,
        protocol=content,
        selection=fields.pop("selection", Selection()),
        **fields,
    )
    if is_open:
        open_campaign(campaign=campaign, actor=actor)
    return campaign


def shown_outputs(assignment: Assignment) -> dict[str, Output]:
    """The outputs by the label under which the assignment shows them."""
    outputs = {row.output_id: row.output for row in CampaignItemOutput.objects.filter(item=assignment.item)}
    return {label: outputs[pk] for label, pk in zip("ABCDEFGH", assignment.order, strict=False)}


def span(label: str, text: str, start: int, end: int, **fields: Any) -> dict[str, Any]:
    """A span as the page sends it, in the first message."""
    return {
        "output": label,
        "message": 0,
        "start": start,
        "end": end,
        "quote": text[start:end],
        "text_sha256": sha256_text(text),
        "type": "factual",
        "severity": "major",
        "comment": "",
        **fields,
    }


def full_answer(assignment: Assignment) -> dict[str, Any]:
    """A valid answer to the full preset for two outputs: A is better, and its first five characters are wrong."""
    text = shown_outputs(assignment)["A"].messages[0]["text"]
    return {"overall": {"A": 6, "B": 2}, "preference": {"A-B": "A"}, "errors": [span("A", text, 0, 5)]}
