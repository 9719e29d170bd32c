"""The demo data that every new user sees: complete, importable, joined from its two halves."""

import json
from io import BytesIO

import pytest

from rewards.rubrics.lint import lint
from rewards.rubrics.parse import rubric_from_dict
from workers.demo.sample_outputs import FOLDER, POLICIES, join, read_lines


@pytest.fixture(scope="module")
def tasks():
    return read_lines(FOLDER / "demo.jsonl")


def test_the_demo_is_its_tasks_joined_with_their_outputs(tasks):
    assert tasks == join(read_lines(FOLDER / "tasks.jsonl"), read_lines(FOLDER / "outputs.jsonl"))


def test_there_are_enough_varied_tasks_each_with_reference_rubric_and_four_outputs(tasks):
    assert len(tasks) >= 24
    assert len({tag for task in tasks for tag in task["tags"]}) >= 20
    assert {task["split"] for task in tasks} == {"train", "validation", "test"}
    for task in tasks:
        assert task["reference"].strip()
        assert task["licence"]
        assert [output["policy"] for output in task["outputs"]] == [policy.name for policy in POLICIES]
        for output in task["outputs"]:
            assert {"seed", "temperature", "top_p", "weights", "finish_reason"} <= output["generation"].keys()


def test_every_rubric_reads_and_has_no_warning(tasks):
    general = json.loads((FOLDER / "general_rubric.json").read_text(encoding="utf-8"))
    for rubric in [*(task["rubric"] for task in tasks), {"criteria": general["criteria"]}]:
        content = rubric_from_dict(rubric)
        assert 3 <= len(content.criteria) <= 6
        assert [found for found in lint(content) if found.severity == "warning"] == []


def test_criteria_of_every_kind_are_there(tasks):
    criteria = [criterion for task in tasks for criterion in task["rubric"]["criteria"]]
    assert {criterion.get("kind", "binary") for criterion in criteria} == {"binary", "ordinal", "nominal"}
    assert {criterion.get("importance") for criterion in criteria} >= {"Essential", "Important", "Optional", "Pitfall"}
    assert any(criterion.get("may_be_na") for criterion in criteria)
    assert any(criterion.get("weight", 1) < 0 for criterion in criteria)


def test_the_importer_reads_every_row():
    from rewards.formats import rubricate_jsonl
    from rewards.formats.records import RowError
    from rewards.formats.sources import SourceFile

    data = (FOLDER / "demo.jsonl").read_bytes()
    rows = list(rubricate_jsonl.read([SourceFile("demo.jsonl", BytesIO(data))], {}))
    assert [row for row in rows if isinstance(row, RowError)] == []
    assert len(rows) == len(data.splitlines())
