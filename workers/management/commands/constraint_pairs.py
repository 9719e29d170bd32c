"""Write pairs of prompts for outputs of a project: one whose constraints the output keeps, one where it breaks some."""

import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from projects.models import Project
from rewards.models import Output
from workers.inputs import output_item
from workers.sources.contract import SourceItem
from workers.sources.verifiers.constraint_pairs import instructions, prompt_pair
from workers.sources.verifiers.verifier import final_answer


class Command(BaseCommand):
    help = (
        "Write labelled pairs for testing a critic, as JSON lines: the same response under a prompt whose constraints "
        "it keeps (prompt_chosen) and one where it breaks some (prompt_rejected); Sun et al. 2025, arXiv 2505.12845."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="must not exist yet")
        parser.add_argument("--constraints", type=int, default=3, metavar="N", help="for each prompt")
        parser.add_argument("--broken", type=int, default=1, metavar="N", help="of them, under prompt_rejected")
        parser.add_argument("--limit", type=int, metavar="N", help="the first N outputs")
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        if not 1 <= options["broken"] <= options["constraints"]:
            raise CommandError("--broken: expected at least 1, and not more than --constraints.")
        written = skipped = 0
        try:
            with options["out"].open("x", encoding="utf-8") as file:
                for row in self._rows(project, options):
                    if row is None:
                        skipped += 1
                        continue
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                    written += 1
        except OSError as error:
            raise CommandError(f"{options['out']} cannot be written: {error.strerror}") from error
        self.stdout.write(f"{written} pairs in {options['out']}; {skipped} outputs gave no ground for one.")

    def _rows(self, project: Project, options: dict[str, Any]) -> Iterator[dict[str, Any] | None]:
        outputs = Output.objects.of(project).current().select_related("task").order_by("pk")
        for output in outputs[: options["limit"]].iterator(chunk_size=500):
            item = output_item(output.task, [output], (), key=output.external_id)
            yield pair_row(item, n_constraints=options["constraints"], n_broken=options["broken"], seed=options["seed"])


def pair_row(item: SourceItem, *, n_constraints: int, n_broken: int, seed: int) -> dict[str, Any] | None:
    """The row of one output, or None where it gives no ground for a pair."""
    answer = final_answer(item)
    if answer is None:
        return None
    digest = hashlib.sha256(f"{seed}:{item.key}".encode()).digest()
    pair = prompt_pair(
        answer.text, n_constraints=n_constraints, n_broken=n_broken, seed=int.from_bytes(digest[:8], "big")
    )
    if pair is None:
        return None
    prompt = [{"role": message.role, "content": message.text} for message in item.task_messages]
    chosen, rejected = (
        [*prompt[:-1], {**prompt[-1], "content": f"{prompt[-1]['content']}\n\n{instructions(side)}"}]
        for side in (pair.chosen, pair.rejected)
    )
    return {
        "id": item.key,
        "prompt_chosen": chosen,
        "prompt_rejected": rejected,
        "response": answer.text,
        "constraints_chosen": [constraint.to_json() for constraint in pair.chosen],
        "constraints_rejected": [constraint.to_json() for constraint in pair.rejected],
        "broken": list(pair.broken),
        "seed": seed,
    }
