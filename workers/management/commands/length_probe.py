"""Put a scorer to the off-topic length probe: does it prefer long answers to other questions?"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from projects.models import Project
from rewards.models import Output, RubricVersion
from rewards.rubrics.aggregate import aggregate
from rewards.rubrics.content import RubricContent
from rewards.rubrics.rules import suggested_aggregation
from rewards.statistics.length_probe import Ordering, ProbeTexts, probe_texts, wrong_orderings
from workers import model_loading
from workers.artefact_files import parameters_for
from workers.engines.contract import Engine, EngineError
from workers.inputs import newest_task_rubrics, output_item
from workers.models import Scorer
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.registry import source_named
from workers.sources.results import Scored, Unscored
from workers.sources.scoring import score_items

_AT_A_TIME = 8


class Command(BaseCommand):
    help = (
        "Score each prompt's own response against a response to another prompt, as it is and padded, and say how often "
        "the scorer prefers what is off topic (Kim and Seo 2024, arXiv 2402.03469). Nothing is stored."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--scorer", required=True, metavar="NAME", help="or the beginning of its hash")
        parser.add_argument("--channel", metavar="NAME", help="of a scorer with several signals; default: the first")
        parser.add_argument("--tasks", type=int, default=100, metavar="N", help="the first N with an output")
        parser.add_argument("--longer", type=float, default=2.0, metavar="FACTOR", help="padded to so much of its own")
        parser.add_argument("--seed", type=int, default=0, help="of the swap")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        scorer = _scorer(project, options["scorer"])
        outputs = _outputs(project, options["tasks"])
        try:
            texts = probe_texts([_answer(output) for output in outputs], longer=options["longer"], seed=options["seed"])
        except ValueError as error:
            raise CommandError(f"{len(outputs)} outputs of {project.name}: {error}.") from error
        probe = _Probe(project, scorer, options["channel"])
        own, swapped, padded = self._scored(probe, outputs, texts)
        self.stdout.write(f"{scorer.name} (scorer {scorer.hash[:12]}) on {len(outputs)} prompts:")
        self._report("a response to another prompt", wrong_orderings(own, swapped))
        self._report(f"the same padded to {options['longer']:g} times the length", wrong_orderings(own, padded))

    def _scored(
        self, probe: "_Probe", outputs: Sequence[Output], texts: Sequence[ProbeTexts]
    ) -> tuple[list[float], ...]:
        columns: tuple[list[float], ...] = ([], [], [])
        for start in range(0, len(outputs), _AT_A_TIME):
            some, said = outputs[start : start + _AT_A_TIME], texts[start : start + _AT_A_TIME]
            for column, values in zip(columns, probe.score(some, said), strict=True):
                column += values
        return columns

    def _report(self, what: str, found: Ordering) -> None:
        share = found.wrong
        if not share.n:
            self.stdout.write(f"  {what}: not measured, no prompt has both scored")
            return
        self.stdout.write(
            f"  {what} is preferred in {share.value:.1%} of {share.n} prompts ({share.low:.1%} to {share.high:.1%}); "
            f"{found.ties} ties, {found.n_unscored} unscored or too short to pad"
        )


class _Probe:
    """A scorer with its models and rubrics, asked for numbers that nobody stores."""

    def __init__(self, project: Project, scorer: Scorer, channel: str | None) -> None:
        self._project, self._scorer, self._channel = project, scorer, channel
        self._source = source_named(scorer.source)
        if self._source.declaration.reads_group:
            raise CommandError(f"{scorer.name} compares outputs: the probe needs a number for each.")
        self._fixed = None
        if scorer.rubric_version_id is not None:
            self._fixed = RubricVersion.objects.with_criteria().get(pk=scorer.rubric_version_id)
        try:
            self._engines: dict[str, Engine] = {
                use.role: model_loading.engine_for(use.endpoint) for use in scorer.models.select_related("endpoint")
            }
        except EngineError as error:
            raise CommandError(error.message) from error

    def score(self, outputs: Sequence[Output], texts: Sequence[ProbeTexts]) -> list[list[float]]:
        """Numbers of the own, the swapped and the padded texts; NaN where unscored."""
        rubrics = self._rubrics(outputs)
        items, columns = [], 3
        for output, rubric, said in zip(outputs, rubrics, texts, strict=True):
            item = output_item(output.task, [output], rubric.criteria if rubric else (), key=str(output.pk))
            items += [_saying(item, text or "") for text in said]
        try:
            results = score_items(self._source, items, self._engines, parameters_for(self._scorer))
        except EngineError as error:
            raise CommandError(error.message) from error
        contents = [rubric for rubric in rubrics for _ in range(columns)]
        values = [self._number(result, rubric) for result, rubric in zip(results, contents, strict=True)]
        return [values[column::columns] for column in range(columns)]

    def _rubrics(self, outputs: Sequence[Output]) -> list[RubricContent | None]:
        if not self._scorer.uses_task_rubric:
            return [self._fixed.content() if self._fixed else None] * len(outputs)
        newest = newest_task_rubrics(self._project, {output.task.external_id for output in outputs})
        found = [newest.get(output.task.external_id) for output in outputs]
        return [version.content() if version else None for version in found]

    def _number(self, result: Scored | Unscored, rubric: RubricContent | None) -> float:
        """A signal's value on the whole output or its sum, else the overall rating, else the rubric's score."""
        if isinstance(result, Unscored):
            return np.nan
        signals = [found for found in result.signals if self._channel in {None, found.channel}]
        if self._channel is not None and not signals:
            there = ", ".join(dict.fromkeys(found.channel for found in result.signals)) or "none"
            raise CommandError(f"There is no signal {self._channel!r}; there are: {there}.")
        if signals:
            return signals[0].signal.total
        if result.ratings:
            value = result.ratings[0].value
            return np.nan if value is None else value
        if result.verdicts and rubric is not None:
            verdicts = {verdict.criterion_key: verdict.value for verdict in result.verdicts}
            score = aggregate(rubric, verdicts, suggested_aggregation(rubric)).value
            return np.nan if score is None else score
        raise CommandError(f"{self._scorer.name} gives no number for an output.")


def _scorer(project: Project, named: str) -> Scorer:
    found = Scorer.objects.filter(project=project).select_related("prompt_version")
    chosen = list(found.filter(name=named)) or list(found.filter(hash__startswith=named))
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(found.order_by("name").values_list("name", flat=True)[:20]) or "none"
    problem = "There is no scorer" if not chosen else f"{len(chosen)} scorers are called"
    raise CommandError(f"{problem} {named!r}; there are: {names}.")


def _outputs(project: Project, n_tasks: int) -> list[Output]:
    """The first current output with text of each task."""
    of_tasks = Output.objects.of(project).current().order_by("task_id", "pk").distinct("task_id")
    outputs = Output.objects.filter(pk__in=of_tasks.values("pk")).select_related("task").order_by("pk")[:n_tasks]
    return [output for output in outputs if _answer(output).strip()]


def _answer(output: Output) -> str:
    """What the policy answered in its last message, without what it thought."""
    answers = [
        message["text"]
        for message in output.messages
        if message["role"] == "assistant" and message.get("channel", "answer") == "answer"
    ]
    return str(answers[-1]) if answers else ""


def _saying(item: SourceItem, text: str) -> SourceItem:
    """The item with another output; without text it is unscored, as what could not be padded must be."""
    return replace(item, output_messages=(OutputMessage("assistant", text),))
