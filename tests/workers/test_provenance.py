"""What the output page learns of a scorer."""

import pytest

from rewards.models import Rater
from rewards.provenance import Fact, Made, facts_about_raters, shown_replies
from tests.factories import make_output, make_project, make_rater, make_rubric, make_task
from workers.models import Attempt, Prompt, Run, RunItem, Scorer
from workers.provenance import facts_of_made

pytestmark = pytest.mark.django_db


@pytest.fixture
def scorer():
    version = make_rubric(make_project())
    rater = Rater.objects.create(
        project=version.project, kind=Rater.Kind.SCORER, name="Judge", pseudonym="scorer-1", scorer_hash="s" * 64
    )
    return Scorer.objects.create(
        project=version.project,
        rater=rater,
        name="Judge",
        source="rubric_explicit",
        source_version=3,
        parameters={"temperature": 0.5, "windowed": True},
        rubric_version=version,
        content={"prompt": "p" * 64, "models": {}},
        hash="s" * 64,
    )


def test_a_scorers_source_parameters_prompt_and_rubric_are_told(scorer):
    person = make_rater(scorer.project)

    facts = facts_about_raters([scorer.rater, person])

    told = set(facts[scorer.rater_id])
    assert {
        Fact("Source", "rubric_explicit, version 3"),
        Fact("temperature", "0.5"),
        Fact("windowed", "yes"),
        Fact("Prompt hash", "p" * 64),
        Fact("Rubric", f"Quality v1, {scorer.rubric_version.content_hash[:12]}"),
    } <= told
    assert [fact.label for fact in facts[person.pk]] == ["Rater", "Kind"]


def test_a_prompt_of_the_projects_own_is_named(scorer):
    prompt = Prompt.objects.create(project=scorer.project, source="rubric_judge", name="strict")
    version = prompt.versions.create(number=2, template="t", content_hash="p" * 64)
    Scorer.objects.filter(pk=scorer.pk).update(prompt_version=version)
    assert Fact("Prompt", "strict v2") in facts_about_raters([scorer.rater])[scorer.rater_id]


def test_replies_are_shown_as_they_were_stored_and_what_is_not_known_is_left_out():
    read, refused = shown_replies(
        [
            {"purpose": "clear", "parse_state": "probabilities", "offered_mass": 0.25, "prompt_sha256": "a" * 64},
            {"purpose": "short", "parse_state": "no_json", "text": "<b>", "detail": "none", "cost": 0.5, "seed": 7},
        ]
    )
    assert (read.is_understood, read.text) == (True, "")
    assert read.facts == [Fact("Probability of the offer", "0.25"), Fact("Prompt hash", "a" * 64)]
    assert (refused.is_understood, refused.state, refused.text) == (False, "no json", "<b>")
    assert refused.facts == [Fact("Seed", "7"), Fact("Cost", "0.5")]


def test_what_was_computed_tells_its_run_seed_and_code(scorer):
    output = make_output(make_task(scorer.project))
    run = Run.objects.create(project=scorer.project, scorer=scorer, name="night", seed=7, code_version="0.1.0+abc")
    item = RunItem.objects.create(project=scorer.project, run=run, output=output)
    made = Made(scorer.rater_id, "h" * 64, 0)
    Attempt.objects.create(
        project=scorer.project,
        item=item,
        rater=scorer.rater,
        output=output,
        input_hash=made.input_hash,
        number=1,
        status=Attempt.Status.SCORED,
    )

    facts = facts_of_made([made, Made(scorer.rater_id, "other", 0)])

    assert facts == {made: [Fact("Run", "night"), Fact("Seed", "7"), Fact("Code version", "0.1.0+abc")]}
