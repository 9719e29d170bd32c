"""The demo project: our own small data set, people in each role, some scorers at work and an open campaign."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

import rewards.demo
from annotations.actions.campaign import ProtocolContent, create_campaign, open_campaign
from annotations.protocols.presets import PRESETS
from projects.actions.project import create_project
from projects.models import Membership, Project, Role, User
from rewards.actions.imports import import_files
from rewards.actions.rubrics import create_rubric
from rewards.formats.sources import SourceFile
from rewards.models import ImportBatch
from rewards.rubrics.parse import rubric_from_dict
from workers.actions.endpoints import ensure_default_endpoint, ensure_embedding_endpoint
from workers.actions.runs import start_run
from workers.actions.scorers import create_scorer
from workers.demo.shipped_adapter import offer_shipped_adapter, shipped_facts
from workers.models import ModelEndpoint
from workers.selection import OutputSelection

SLUG = "demo"
PEOPLE = (
    ("olivia", "Olivia Owner", Role.OWNER),
    ("max", "Max Manager", Role.MANAGER),
    ("anna", "Anna Annotator", Role.ANNOTATOR),
    ("ben", "Ben Annotator", Role.ANNOTATOR),
    ("vera", "Vera Viewer", Role.VIEWER),
)
DESCRIPTION = (
    "Varied tasks with references and rubrics, each answered four times by SmolLM2-135M-Instruct at other settings. "
    "The same small model scores them here: its log-probabilities carry signal, its verdicts mostly its own bias."
)
DENSE_OUTPUTS = 16
"""Outputs that each further dense reward is computed for: those of four tasks."""
GUIDELINES = (
    "Read the prompt, then each response on its own. Rate it against the prompt, not against the others; compare the "
    "pairs afterwards; mark what is wrong in the text, however small, and say how serious it is. A response that only "
    "sounds right is not right."
)


class Demo(NamedTuple):
    """`password` is shared by the demo's people; empty where an earlier start made them elsewhere."""

    is_new: bool
    password: str
    notes: list[str]


def load_demo() -> Demo:
    """Make the demo project unless it is there; nothing that people did in it since is touched."""
    if Project.objects.filter(slug=SLUG).exists():
        return Demo(False, _known_password(), [])
    with transaction.atomic():
        password = _make_people()
        project = _make_project()
    _import_tasks(project)
    notes = _start_scoring(project)
    return Demo(True, password, notes)


def _make_people() -> str:
    password = _known_password() or secrets.token_urlsafe(9)
    for username, name, _ in PEOPLE:
        user, is_new = User.objects.get_or_create(username=username, defaults={"display_name": name})
        if is_new:
            user.set_password(password)
            user.save(update_fields=["password"])
    _keep_password(password)
    return password


def _make_project() -> Project:
    owner = User.objects.get(username=PEOPLE[0][0])
    project = create_project(user=owner, name="Demo", slug=SLUG, description=DESCRIPTION)
    for username, _, role in PEOPLE[1:]:
        Membership.objects.create(project=project, user=User.objects.get(username=username), role=role)
    return project


def _import_tasks(project: Project) -> None:
    owner = User.objects.get(username=PEOPLE[0][0])
    folder = Path(rewards.demo.__file__).parent
    with (folder / "demo.jsonl").open("rb") as file:
        batch = import_files(
            project, by=owner, format_name="rubricate_jsonl", files=[SourceFile("demo.jsonl", file)], on_error="refuse"
        )
    if batch.status != ImportBatch.Status.DONE:
        raise RuntimeError(f"the demo's own data was refused: {batch.row_errors.first()}")
    general = json.loads((folder / "general_rubric.json").read_text(encoding="utf-8"))
    create_rubric(
        project=project,
        actor=owner,
        name=general["name"],
        description=general["description"],
        content=rubric_from_dict(general["criteria"]),
    )
    campaign = create_campaign(
        project=project,
        actor=owner,
        name="Rate, compare and mark",
        protocol=ProtocolContent(PRESETS["full"].questions, GUIDELINES),
        overlap=2,
    )
    open_campaign(campaign=campaign, actor=owner)


def _start_scoring(project: Project) -> list[str]:
    """Queue a run of some sources over all outputs; where a model cannot be used, say why instead."""
    owner = User.objects.get(username=PEOPLE[0][0])
    language_model, encoder = ensure_default_endpoint(), ensure_embedding_endpoint()
    notes = [f"{found.name} scores nothing: {found.failure}" for found in (language_model, encoder) if found.failure]
    # The quick ones first: there is something to see while the judges go through criteria and pairs.
    planned = (
        _Planned("What the prompt makes of each token", "log_ratio", {"view_a": language_model}),
        _Planned("How near the reference each answer is", "semantic_similarity", {"encoder": encoder}),
        *_of_the_adapter(project, owner, language_model),
        _Planned("Rubric judge on the tasks' own rubrics", "rubric_judge", {"judge": language_model}, own_rubrics=True),
        _Planned("Every pair, in both orders", "pairwise_judge", {"judge": language_model}),
    )
    ready = [one for one in planned if not any(endpoint.failure for endpoint in one.endpoints.values())]
    for one in ready:
        scorer = create_scorer(
            project=project,
            source=one.source,
            actor=owner,
            endpoints=one.endpoints,
            parameters=one.parameters,
            uses_task_rubric=one.own_rubrics,
        )
        selection = OutputSelection(limit=one.limit)
        start_run(project=project, scorer=scorer, selection=selection, actor=owner, name=one.name)
    return [*notes, f"{len(ready)} runs are scoring the demo now; watch them under Runs."] if ready else notes


class _Planned(NamedTuple):
    """A run that the demo starts with."""

    name: str
    source: str
    endpoints: dict[str, ModelEndpoint]
    own_rubrics: bool = False
    parameters: Mapping[str, object] = MappingProxyType({})
    limit: int | None = None


def _of_the_adapter(project: Project, owner: User, base: ModelEndpoint) -> list[_Planned]:
    """Two checkpoints of one model: the base, and the base with the adapter that is shipped."""
    if base.failure:
        return []
    adapted = offer_shipped_adapter(project=project, base=base, actor=owner)
    words = "What the trained adapter makes of each step, against its base"
    # As it was trained; without contexts, which its data does not have.
    trained = {"beta": float(shipped_facts()["parameters"]["beta"]), "aggregate": "sum", "use_context": False}
    bare: Mapping[str, object] = {"use_context": False}
    return [
        _Planned(words, "implicit_prm", {"policy": adapted, "reference": base}, parameters=trained),
        # Some outputs each: enough to lay them over each other, and to see what they are.
        _Planned(
            "What training changed at each token",
            "logit_delta",
            {"trained": adapted, "base": base},
            parameters=bare,
            limit=DENSE_OUTPUTS,
        ),
        _Planned(
            "Token rewards as reinforced token optimisation begins",
            "rto",
            {"dpo": adapted, "reference": base, "policy": base},
            parameters=bare,
            limit=DENSE_OUTPUTS,
        ),
        _Planned(
            "What the base's own logits value",
            "checkpoint_values",
            {"checkpoint": base},
            parameters=bare,
            limit=DENSE_OUTPUTS,
        ),
        _Planned(
            "Which tokens lead to the reference answer",
            "layer_relevance",
            {"model": base},
            parameters={**bare, "answer_by": "reference_mean"},
            limit=DENSE_OUTPUTS,
        ),
    ]


def _known_password() -> str:
    try:
        return _password_file().read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _keep_password(password: str) -> None:
    """Keep it for the next start's greeting, readable by the operator alone."""
    path = _password_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(password + "\n", encoding="utf-8")


def _password_file() -> Path:
    return Path(settings.VAR_DIR) / "secrets" / "demo_password"
