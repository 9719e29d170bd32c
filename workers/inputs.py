"""What a source reads of each item, resolved from the database, and the hash that identifies it."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from projects.models import Project
from rewards.models import Output, RubricVersion, Task
from rewards.rubrics.content import Criterion
from workers.engines.contract import ChatMessage
from workers.models import Run, RunItem, Scorer
from workers.sources.contract import Declaration, Input, Member, OutputMessage, SourceItem


@dataclass(frozen=True)
class ItemInput:
    """One item, ready to be scored.

    Attributes
    ----------
    item : RunItem
        With its output and task loaded.
    source_item : SourceItem
    input_hash : str
        SHA-256 over the parts that the source declares, as resolved. Two outputs are two inputs even where their texts
        are equal: they are different samples.
    criterion_ids : mapping of str to int
        Stored criteria by key, for the verdicts to point at.
    members : tuple of Output
        Of a group, in order, for comparisons and rankings to point at.
    """

    item: RunItem
    source_item: SourceItem
    input_hash: str
    criterion_ids: Mapping[str, int]
    members: tuple[Output, ...] = ()


class InputReader:
    """Reads items for one run; rubrics and members of a batch are fetched together (four queries at most)."""

    def __init__(self, run: Run, declaration: Declaration) -> None:
        self._run = run
        self._inputs = declaration.inputs
        self._reads_group = declaration.reads_group
        self._fixed = _with_criteria(run.scorer)

    def read(self, items: Sequence[RunItem]) -> list[ItemInput]:
        """In order; items need `output__task` loaded."""
        rubrics = self._task_rubrics(item.output.task for item in items)
        keys = {key for item in items for key in item.members}
        members = Output.objects.defer("task").in_bulk(keys) if self._reads_group else {}
        return [self._read_one(item, rubrics, [members[key] for key in item.members]) for item in items]

    def _task_rubrics(self, tasks: Iterable[Task]) -> dict[str, RubricVersion]:
        if not self._run.scorer.uses_task_rubric:
            return {}
        return newest_task_rubrics(self._run.project, {task.external_id for task in tasks})

    def _read_one(self, item: RunItem, rubrics: Mapping[str, RubricVersion], members: Sequence[Output]) -> ItemInput:
        rubric = self._fixed or rubrics.get(item.output.task.external_id)
        if Input.CRITERIA not in self._inputs:
            rubric = None
        # A hosted model behind an alias may change any day: its judgments are valid within their run only.
        scope = "" if self._run.scorer.is_pinned else f"run {self._run.pk}"
        judged = members if self._reads_group else [item.output]
        input_hash = hash_input(item.output.task, judged, rubric, self._inputs, scope)
        read = group_item if self._reads_group else output_item
        return ItemInput(
            item=item,
            source_item=read(
                item.output.task,
                judged,
                rubric.content().criteria if rubric else (),
                key=str(item.pk),
                repeat=item.repeat,
                seed=draw_seed(self._run, input_hash, item),
            ),
            input_hash=input_hash,
            criterion_ids={criterion.key: criterion.pk for criterion in rubric.criteria.all()} if rubric else {},
            members=tuple(members),
        )


def output_item(
    task: Task, outputs: Sequence[Output], criteria: tuple[Criterion, ...], *, key: str, repeat: int = 0, seed: int = 0
) -> SourceItem:
    """One output and its task as sources read them; an empty context is none."""
    [output] = outputs
    return SourceItem(
        key=key,
        task_messages=_task_messages(task),
        output_messages=_output_messages(output),
        reference=task.reference,
        context=task.context or None,
        metadata=task.metadata,
        tags=tuple(task.tags),
        criteria=criteria,
        repeat=repeat,
        seed=seed,
    )


def group_item(
    task: Task, outputs: Sequence[Output], criteria: tuple[Criterion, ...], *, key: str, repeat: int = 0, seed: int = 0
) -> SourceItem:
    """A task with a group of its outputs, for sources that read them together."""
    return SourceItem(
        key=key,
        task_messages=_task_messages(task),
        output_messages=(),
        reference=task.reference,
        context=task.context or None,
        metadata=task.metadata,
        tags=tuple(task.tags),
        criteria=criteria,
        repeat=repeat,
        seed=seed,
        members=tuple(Member(str(output.pk), _output_messages(output)) for output in outputs),
    )


def hash_input(
    task: Task, outputs: Sequence[Output], rubric: RubricVersion | None, inputs: frozenset[Input], scope: str = ""
) -> str:
    """SHA-256 over what a source with these inputs reads of the outputs: one, or every member of a group."""
    texts = [[output.external_id, output.version, output.messages] for output in outputs]
    parts: dict[Input, Any] = {
        Input.TASK: task.messages,
        Input.OUTPUT: texts[0] if len(texts) == 1 else texts,
        Input.REFERENCE: task.reference,
        Input.CONTEXT: task.context,
        Input.CRITERIA: rubric.content_hash if rubric else None,
        Input.METADATA: task.metadata,
        Input.TAGS: sorted(task.tags),
    }
    content = {part.value: parts[part] for part in sorted(inputs)}
    # The outputs are always named: a judgment is of these, whatever the source reads.
    names = [part for output in outputs for part in (output.external_id, output.version)]
    content["identity"] = [*names, task.external_id, task.version, scope]
    return hash_content(content)


def _task_messages(task: Task) -> tuple[ChatMessage, ...]:
    return tuple(ChatMessage(message["role"], message["text"]) for message in task.messages)


def _output_messages(output: Output) -> tuple[OutputMessage, ...]:
    return tuple(
        OutputMessage(message["role"], message["text"], message.get("channel", "answer")) for message in output.messages
    )


def hash_content(content: Any) -> str:
    """SHA-256 of canonical JSON: sorted keys, no spaces, text as it is."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def draw_seed(run: Run, input_hash: str, item: RunItem) -> int:
    """Where an item's draws start: from the run's stored seed, and another one for every input and repeat."""
    digest = hashlib.sha256(f"{run.seed}:{input_hash}:{item.repeat}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def newest_task_rubrics(project: Project, external_ids: Iterable[str]) -> dict[str, RubricVersion]:
    """The newest version of each task's own rubric, by the task's external id; two queries."""
    newest = RubricVersion.objects.newest_of_tasks(project).filter(rubric__task_external_id__in=list(external_ids))
    versions = newest.select_related("rubric").with_criteria()
    return {str(version.rubric.task_external_id): version for version in versions}


def _with_criteria(scorer: Scorer) -> RubricVersion | None:
    if scorer.rubric_version_id is None:
        return None
    return RubricVersion.objects.with_criteria().get(pk=scorer.rubric_version_id)
