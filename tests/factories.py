"""Small builders of domain objects for tests; each takes only what the test is about."""

import hashlib
import itertools
import json
import uuid
from typing import Any

from projects.models import Membership, Project, Role, User
from rewards.models import Comparison, Criterion, Judgment, Output, Policy, Rater, Rating, Rubric, RubricVersion, Task

_numbers = itertools.count(1)


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def make_user(username: str = "", **fields: Any) -> User:
    username = username or f"user-{next(_numbers)}"
    return User.objects.create_user(username, f"{username}@example.org", "a-long-passphrase", **fields)


def make_project(slug: str = "", **roles: User) -> Project:
    """`make_project(owner=alice, annotator=bob)`."""
    slug = slug or f"project-{next(_numbers)}"
    project = Project.objects.create(slug=slug, name=slug.title())
    for role, user in roles.items():
        Membership.objects.create(project=project, user=user, role=Role(role))
    return project


def make_task(
    project: Project, external_id: str = "", prompt: str = "What is the capital of France?", **fields: Any
) -> Task:
    external_id = external_id or f"task-{next(_numbers)}"
    messages = [{"role": "user", "text": prompt}]
    return Task.objects.create(
        project=project,
        external_id=external_id,
        preview=prompt[:240],
        messages=messages,
        content_hash=_hash([messages, fields.get("reference")]),
        **fields,
    )


def make_output(
    task: Task, text: str = "Paris.", policy: str = "policy-a", external_id: str = "", **fields: Any
) -> Output:
    external_id = external_id or f"output-{next(_numbers)}"
    messages = [{"role": "assistant", "channel": "answer", "text": text}]
    return Output.objects.create(
        project=task.project,
        task=task,
        policy=Policy.objects.get_or_create(project=task.project, name=policy)[0],
        external_id=external_id,
        preview=text[:240],
        messages=messages,
        char_count=len(text),
        content_hash=_hash(messages),
        **fields,
    )


def make_rater(project: Project, name: str = "", user: User | None = None) -> Rater:
    name = name or f"rater-{next(_numbers)}"
    kind = Rater.Kind.PERSON if user else Rater.Kind.EXTERNAL
    return Rater.objects.create(project=project, kind=kind, name=name, pseudonym=name, user=user)


def make_rubric(project: Project, name: str = "Quality", criteria: list[dict[str, Any]] | None = None) -> RubricVersion:
    criteria = criteria or [{"key": "correct", "text": "The answer is correct.", "weight": 1.0}]
    rubric = Rubric.objects.create(project=project, name=name)
    version = RubricVersion.objects.create(project=project, rubric=rubric, number=1, content_hash=_hash(criteria))
    for position, fields in enumerate(criteria):
        Criterion.objects.create(project=project, version=version, position=position, **fields)
    return version


def make_judgment(rater: Rater, kind: str, task: Task, output: Output | None = None, **fields: Any) -> Judgment:
    return Judgment.objects.create(
        project=task.project,
        kind=kind,
        rater=rater,
        task=task,
        output=output,
        act=uuid.uuid4(),
        idempotency_key=f"test:{next(_numbers)}",
        **fields,
    )


def make_rating(rater: Rater, output: Output, value: float, question: str = "overall") -> Rating:
    judgment = make_judgment(rater, Judgment.Kind.RATING, output.task, output)
    return Rating.objects.create(judgment=judgment, question=question, value=value)


def make_comparison(rater: Rater, output_a: Output, output_b: Output, choice: str, tie_kind: str = "") -> Comparison:
    judgment = make_judgment(rater, Judgment.Kind.COMPARISON, output_a.task)
    return Comparison.objects.create(
        judgment=judgment, output_a=output_a, output_b=output_b, choice=choice, tie_kind=tie_kind
    )
