"""How many demonstrations a judge should be shown: its accuracy against people, for several numbers of them."""

import argparse
import json
from collections import defaultdict
from collections.abc import Hashable, Iterable
from itertools import combinations
from pathlib import Path
from typing import Any, cast

from django.core.management.base import BaseCommand, CommandError

from annotations.studies.inputs import comparisons_of, decided, people_of, ratings_of
from projects.errors import AppError
from projects.models import Project
from rewards.models import Output, Rating
from rewards.statistics.ablation import AblationRow, ablate
from rewards.statistics.preferences import Preference
from workers.actions.endpoints import ensure_serving
from workers.actions.runs import start_run
from workers.actions.scorers import create_scorer
from workers.inputs import output_item
from workers.models import ModelEndpoint, Run, Scorer
from workers.process import process
from workers.scoring import work_once
from workers.selection import OutputSelection
from workers.sources.json_judge import DEMONSTRATIONS, RUBRIC, SHOTS, JsonJudge, read_demonstrations
from workers.sources.likert import OVERALL, SCALES
from workers.sources.prompts import conversation_text


class Command(BaseCommand):
    help = (
        "Score outputs that people compared with the one-line rubric judge, shown k demonstrations, for several k, and "
        "print how often it prefers what they preferred. Computes in this process; a scorer for each k is kept."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--demonstrations", required=True, type=Path, metavar="FILE", help="one JSON object a line")
        parser.add_argument("--k", nargs="+", type=int, default=[0, 1, 3, 6], help="how many are shown (0 1 3 6)")
        parser.add_argument("--model", metavar="NAME", help="the judge; default: the first that fits")
        parser.add_argument("--rubric-json", metavar="JSON", help="default: the source's own")
        parser.add_argument("--answer-by", choices=["probabilities", "reasoned", "written"], default="written")
        parser.add_argument("--scale", choices=list(SCALES), default="1-10")
        parser.add_argument("--against", choices=["comparisons", "ratings"], default="comparisons", help="of people")
        parser.add_argument("--pairs", type=int, metavar="N", help="at most so many, in the order of judging")
        parser.add_argument("--seed", type=int, default=0, help="of the draws and of the bootstrap")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        text, shown_tasks = _demonstrations(options["demonstrations"], options["scale"])
        preferences = _preferences(project, options["against"])
        preferences, left_out = _unseen(preferences, shown_tasks)
        preferences = preferences[: options["pairs"]]
        if not preferences:
            raise CommandError(f"No pair of outputs that people decided by {options['against']} is left to compare on.")
        outputs = sorted({cast("int", output) for pair in preferences for output in (pair.better, pair.worse)})
        scores = {k: self._scores(project, k, text, outputs, options) for k in dict.fromkeys(options["k"])}
        self._report(ablate(scores, preferences, seed=options["seed"]), left_out, as_json=options["json"])

    def _scores(
        self, project: Project, k: int, demonstrations: str, outputs: list[int], options: dict[str, Any]
    ) -> dict[Hashable, float]:
        """By output the judge's rating with k demonstrations."""
        parameters: dict[str, object] = {
            DEMONSTRATIONS: demonstrations,
            SHOTS: k,
            "answer_by": options["answer_by"],
            "scale": options["scale"],
        }
        if options["rubric_json"]:
            parameters[RUBRIC] = options["rubric_json"]
        ids = tuple(Output.objects.filter(pk__in=outputs).order_by("pk").values_list("external_id", flat=True))
        try:
            scorer = create_scorer(
                project=project,
                source=JsonJudge.declaration.name,
                parameters=parameters,
                endpoints={"judge": _endpoint(project, options["model"])},
                name=f"One-line judge, {k} demonstrations",
                actor=None,
            )
            run = start_run(
                project=project,
                scorer=scorer,
                selection=OutputSelection(output_ids=ids),
                seed=options["seed"],
                name=f"Ablation, k = {k}",
                actor=None,
                notify=False,
            )
        except AppError as error:
            raise CommandError(str(error)) from error
        _compute(run)
        run.refresh_from_db()
        if not options["json"]:
            self.stdout.write(f"k = {k}: {run.scored_count} of {run.item_count} outputs scored")
        return _ratings(scorer, outputs)

    def _report(self, rows: list[AblationRow[int]], left_out: int, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"left_out": left_out, "rows": [_as_json(row) for row in rows]}, indent=2))
            return
        if left_out:
            self.stdout.write(f"{left_out} pairs of tasks that a demonstration shows are left out")
        self.stdout.write("  k  accuracy                gain over the first      pairs")
        for row in rows:
            accuracy, gain = row.accuracy, row.gain
            found = (
                f"{accuracy.value:6.1%} [{accuracy.low:6.1%}, {accuracy.high:6.1%}]" if accuracy.n else "none scored"
            )
            more = f"{gain.value:+6.1%} [{gain.low:+6.1%}, {gain.high:+6.1%}]" if gain.n else "-"
            chance = "  chance" if accuracy.is_chance else ""
            self.stdout.write(f"{row.setting:>3}  {found:<22}  {more:<23}  {accuracy.n} of {accuracy.n_total}{chance}")


def _demonstrations(path: Path, scale: str) -> tuple[str, set[str]]:
    """The file's text, and the tasks that it shows."""
    try:
        text = path.read_text(encoding="utf-8").strip()
        found = read_demonstrations(text, SCALES[scale])
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {error}") from error
    return text, {one.task.strip() for one in found}


def _preferences(project: Project, against: str) -> list[Preference]:
    """Pairs of a task's outputs of which people prefer one."""
    people = people_of(project)
    if not people:
        return []
    if against == "comparisons":
        return decided(comparisons_of(project, raters=people))
    values: dict[tuple[int, int], list[float]] = defaultdict(list)
    for rating in ratings_of(project, question=OVERALL, raters=people):
        if rating.value is not None:
            values[cast("int", rating.task), cast("int", rating.output)].append(rating.value)
    by_task: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for (task, output), found in values.items():
        by_task[task].append((sum(found) / len(found), output))
    return [
        Preference(task, max(a, b)[1], min(a, b)[1])
        for task, rated in by_task.items()
        for a, b in combinations(rated, 2)
        if a[0] != b[0]
    ]


def _unseen(preferences: Iterable[Preference], shown: set[str]) -> tuple[list[Preference], int]:
    """The pairs of tasks that no demonstration shows, and how many others there are: they would be given away."""
    found = list(preferences)
    outputs = Output.objects.filter(pk__in={pair.better for pair in found}).select_related("task")
    text_of = {
        output.pk: conversation_text(output_item(output.task, [output], (), key="").task_messages).strip()
        for output in outputs
    }
    unseen = [pair for pair in found if text_of.get(cast("int", pair.better)) not in shown]
    return unseen, len(found) - len(unseen)


def _endpoint(project: Project, name: str | None) -> ModelEndpoint:
    offered = list(ModelEndpoint.objects.offered_to(project))
    if name is None:
        [role] = JsonJudge.declaration.models
        return ensure_serving(role, project)
    for endpoint in offered:
        if endpoint.name == name:
            return endpoint
    raise CommandError(f"There is no model {name!r}; there are: {', '.join(one.name for one in offered) or 'none'}.")


def _compute(run: Run) -> None:
    process.start_beating()
    try:
        while work_once(run.scorer.queue, run=run):
            pass
    finally:
        process.stop_beating()


def _ratings(scorer: Scorer, outputs: list[int]) -> dict[Hashable, float]:
    rows = Rating.objects.filter(
        judgment__rater=scorer.rater_id,
        judgment__output__in=outputs,
        judgment__withdrawn_at__isnull=True,
        question=OVERALL,
        value__isnull=False,
    ).order_by("judgment_id")
    return {output: value for output, value in rows.values_list("judgment__output_id", "value") if value is not None}


def _as_json(row: AblationRow[int]) -> dict[str, Any]:
    accuracy = {name: None if value != value else value for name, value in row.accuracy._asdict().items()}
    gain = {name: None if value != value else value for name, value in row.gain._asdict().items()}
    return {"k": row.setting, "accuracy": accuracy, "gain": gain, "is_chance": row.accuracy.is_chance}
