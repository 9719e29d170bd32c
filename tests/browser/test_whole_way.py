"""The whole way in Chromium: import, score, read, annotate, compare and export, by three people in different roles."""

import json

import pytest
from playwright.sync_api import expect

from rewards.models import Policy, SpanMark
from tests.browser.stages import (
    OWN,
    answer_campaign,
    check_stored_answers,
    export_and_load,
    import_by_page,
    make_rubric,
    make_scorer,
    open_campaign,
    read_heat_map,
    read_spans_on_the_text,
    register_model,
    run_consistency_study,
    start_run,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def tiny_model(tmp_path, settings):
    """A random two-layer model in a folder that the operator has opened."""
    from tests.workers.tiny_model import build_tiny_model

    settings.MODEL_ROOTS = [tmp_path]
    return build_tiny_model(tmp_path / "tiny")


@pytest.fixture
def own_file(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(task) + "\n" for task in OWN), encoding="utf-8")
    return path


def test_three_people_walk_the_whole_way(walk, people, real_data, own_file, tiny_model, tmp_path):
    manager = walk("manager")
    batch = import_by_page(manager, "Fine-Grained RLHF", real_data / "fine_grained_rlhf" / "dev_feedback.json")
    assert batch.counts["spans_marked"] == SpanMark.objects.count() == 1373
    expect(manager.page.locator("#import-state")).to_contain_text("1,373 spans marked in the texts")
    read_spans_on_the_text(manager)
    sparse = real_data / "sparse_feedback"
    import_by_page(
        manager, "Peering Through Preferences", *sparse.glob("feedback_*.csv"), sparse / "sample_generation.json"
    )
    import_by_page(manager, "Rubricate JSONL", own_file)
    make_rubric(manager)
    register_model(manager, "tiny", str(tiny_model), dtype="float32")
    make_scorer(manager, "Log-ratio of two views", view_a="tiny")
    run = start_run(manager, "Log-ratio", tags="own")
    assert (run.item_count, run.scored_count) == (4, 4)
    read_heat_map(manager, "Log-ratio")
    open_campaign(manager)

    annotator = walk("annotator")
    answer_campaign(annotator)
    check_stored_answers(people["annotator"])
    names = Policy.objects.filter(project__slug="walk").values_list("name", flat=True)
    assert [name for name in names if name and name.encode() in annotator.received()] == []

    run_consistency_study(walk("viewer"))
    export_and_load(manager, tmp_path / "dataset")
