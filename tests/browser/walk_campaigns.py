"""Both real data sets in one project, and a campaign over them for each protocol."""

import csv
import itertools
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from annotations.actions.campaign import ProtocolContent, create_campaign, open_campaign
from annotations.actions.plan import change_plan
from annotations.models import Campaign
from annotations.protocols.presets import (
    BEST_WORST,
    COMPARISON,
    CRITIQUE,
    EDIT,
    GRADED,
    MISSING,
    RANKING,
    RATING,
    SPANS,
    STEPS,
    STOP,
    TICK,
)
from annotations.rubric_questions import checklist_of
from annotations.selection import Selection
from projects.models import Project, User
from rewards.actions.imports import import_files
from rewards.formats.sources import SourceFile
from rewards.models import Comparison, ImportBatch, Judgment, Output, Policy, Rater, RubricVersion, SpanMark, Task
from rewards.text import sha256_text
from tests.browser.people_at_work import FIRST_WORDS, PLAIN_WORD
from tests.factories import make_judgment, make_rubric

PROTOCOLS = {
    "rating": [{**RATING, "allow_na": True}],
    "comparison": [COMPARISON],
    "graded": [GRADED],
    "ranking": [RANKING],
    "best_worst": [BEST_WORST],
    "tick": [TICK],
    "checklist": [],
    "spans": [SPANS],
    "steps": [STEPS],
    "stop": [STOP],
    "edit": [EDIT],
    "critique": [CRITIQUE],
    "critic": [SPANS],
    "together": [
        SPANS,
        {**RATING, "confidence": True},
        MISSING,
        {**COMPARISON, "steps": 7, "confidence": True},
        {**TICK, "confidence": True},
    ],
}
"""One question each; a critic's spans to review beside one's own; several on one screen that ask how sure one is."""

RESPONSES = {"ranking": 3, "best_worst": 3, "tick": 3}


def questions_of(name: str, project: Project) -> list[dict[str, Any]]:
    return PROTOCOLS[name] or [{**checklist_of(_rubric(project)), "key": "rubric"}]


def _rubric(project: Project) -> RubricVersion:
    return make_rubric(
        project,
        criteria=[
            {"key": "true", "text": "States only what is true", "may_be_na": True},
            {"key": "clear", "text": "Is clear"},
        ],
    )


def make_walk_campaign(project: Project, owner: User, name: str, task_ids: list[str]) -> Campaign:
    """An open campaign of one protocol, for two people."""
    campaign = create_campaign(
        project=project,
        actor=owner,
        name=name,
        protocol=ProtocolContent(questions=questions_of(name, project)),
        selection=Selection(task_ids=tuple(task_ids), outputs_per_item=RESPONSES.get(name, 2)),
        overlap=2,
    )
    if name == "critic":
        show_a_critic(campaign, owner)
    open_campaign(campaign=campaign, actor=owner)
    assert campaign.item_count == len(task_ids)
    return campaign


def show_a_critic(campaign: Campaign, owner: User) -> None:
    """A model's marks on two words of each response, behind those that people mark themselves."""
    critic = Rater.objects.create(
        project=campaign.project, kind=Rater.Kind.SCORER, name="critic-7b", pseudonym="critic", scorer_hash="c" * 64
    )
    for output in Output.objects.filter(item_outputs__item__campaign=campaign).distinct():
        text = output.messages[-1]["text"]
        judgment = make_judgment(critic, Judgment.Kind.SPANS, output.task, output)
        for word in list(PLAIN_WORD.finditer(text))[FIRST_WORDS : FIRST_WORDS + 2]:
            SpanMark.objects.create(
                judgment=judgment,
                output=output,
                message=len(output.messages) - 1,
                start=word.start(),
                end=word.end(),
                quote=word.group(),
                text_sha256=sha256_text(text),
                type="factual",
                value=-1,
            )
    change_plan(campaign=campaign, actor=owner, arms={"overlay": {"levels": ["start"], "marks": [critic.pk]}})


def import_both(project: Project, data: Path, folder: Path) -> list[str]:
    """Fine-Grained RLHF and LLMFAO, whole; the external ids of their tasks, by turns of the one and of the other."""
    first = import_as(project, "fine_grained_rlhf", data / "fine_grained_rlhf" / "dev_feedback.json")
    assert first.counts["spans_marked"] == 1373
    comparisons = data / "llmfao" / "llmfao.csv"
    second = import_as(project, "llmfao", comparisons, *_write_texts(comparisons, folder))
    # The facts of ../shared/data/README.md.
    assert Comparison.objects.filter(judgment__import_batch=second).count() == 8931
    assert Policy.objects.filter(outputs__external_id__startswith="llmfao-").distinct().count() == 59
    ids = list(Task.objects.order_by("pk").values_list("external_id", flat=True))
    by_source = [[pk for pk in ids if pk.startswith(prefix)] for prefix in ("fine-grained-", "llmfao-")]
    return list(itertools.chain.from_iterable(zip(*by_source, strict=False)))


def import_as(project: Project, format_name: str, *paths: Path) -> ImportBatch:
    with ExitStack() as opened:
        files = [SourceFile(path.name, opened.enter_context(path.open("rb"))) for path in paths]
        batch = import_files(project, by=None, format_name=format_name, files=files)
    assert batch.error_count == 0
    return batch


def _write_texts(comparisons: Path, folder: Path) -> tuple[Path, Path]:
    """The released comparisons come without texts: prompts and responses in their published shape, in our words."""
    with comparisons.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sides = {
        (row["prompt"], row[model], row[name])
        for row in rows
        for model, name in (("model_x", "left"), ("model_y", "right"))
    }
    prompts, results = folder / "prompts.jsonl", folder / "results.jsonl"
    prompts.write_text(
        "".join(
            json.dumps({"id": int(prompt), "text": f"Argue for and against number {prompt}."}) + "\n"
            for prompt in sorted({prompt for prompt, _, _ in sides})
        ),
        encoding="utf-8",
    )
    with results.open("w", encoding="utf-8") as file:
        for prompt, model, name in sorted(sides):
            text = f"For {prompt}, a plea:\nit sets us free {'so ' * (int(model) % 7)}well.\n\nAgainst it: a fee 😀."
            file.write(json.dumps({"prompt": int(prompt), "model": int(model), "name": name, "result": text}) + "\n")
    return prompts, results
