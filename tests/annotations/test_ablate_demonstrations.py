"""`manage.py ablate_demonstrations`: the whole way from people's comparisons to an accuracy for each k."""

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.factories import make_comparison, make_output, make_project, make_rater, make_rating, make_task
from tests.workers.scripted_engine import Asked, ScriptedEngine
from tests.workers.test_scorers import make_endpoint
from workers import model_loading
from workers.models import Run, Scorer

pytestmark = pytest.mark.django_db
SHOWN = {"task": "shown", "response": "good", "rationale": "It is.", "verdict": 9}


def script(asked: Asked) -> str:
    """Without a demonstration all outputs are worth 5; with one, an output is worth the number that it says."""
    if len(asked.prompt.messages) == 1:
        return json.dumps({"explanation": "Who knows?", "answer": 5})
    [said] = re.findall(r"<response>\n(.*)\n</response>", asked.prompt.messages[-1].text)
    return json.dumps({"explanation": "It says so.", "answer": int(said.split()[-1])})


@pytest.fixture
def engine(monkeypatch):
    made = ScriptedEngine(script)
    monkeypatch.setattr(model_loading, "engine_for", lambda endpoint: made)
    make_endpoint("writer", capabilities=["generate"])
    return made


@pytest.fixture
def project():
    """Three tasks whose first output people prefer, which in two says the higher number; and one that is shown."""
    project = make_project("mine")
    person = make_rater(project, "ann")
    for number, (better, worse) in enumerate([(8, 2), (9, 3), (1, 7)]):
        task = make_task(project, f"t{number}", f"task {number}")
        pair = make_output(task, f"is {better}"), make_output(task, f"is {worse}")
        make_comparison(person, *pair, "a")
        for output, value in zip(pair, (6, 2), strict=True):
            make_rating(person, output, value)
    shown = make_task(project, "shown", "shown")
    make_comparison(person, make_output(shown, "is 1"), make_output(shown, "is 2"), "b")
    return project


@pytest.fixture
def demonstrations(tmp_path):
    path = tmp_path / "demonstrations.jsonl"
    path.write_text(json.dumps(SHOWN) + "\n")
    return path


def ablate(path, *arguments):
    output = StringIO()
    call_command("ablate_demonstrations", "--project", "mine", "--demonstrations", str(path), *arguments, stdout=output)
    return output.getvalue()


def test_each_k_has_its_accuracy_and_what_it_gains(project, demonstrations, engine):
    # k = 0: all equal, so 1/2. k = 1: right, right, wrong, so 2/3; gains 1/2, 1/2, -1/2, mean 1/6.
    # The fourth pair is of a task that the demonstration gives away.
    result = json.loads(ablate(demonstrations, "--k", "0", "1", "--json"))
    none, one = result["rows"]
    assert result["left_out"] == 1
    assert (none["k"], none["accuracy"]["value"], none["accuracy"]["n"]) == (0, 0.5, 3)
    assert one["accuracy"]["value"] == pytest.approx(2 / 3)
    assert one["gain"]["value"] == pytest.approx(1 / 6)
    assert one["is_chance"] is True
    assert Run.objects.count() == Scorer.objects.count() == 2


def test_what_was_computed_before_is_not_asked_again(project, demonstrations, engine):
    said = ablate(demonstrations, "--k", "0", "1")
    assert "1 pairs of tasks that a demonstration shows are left out" in said
    assert re.search(r"^  1\s+66\.7% .*\+16\.7% .*3 of 3\s+chance$", said, re.MULTILINE)
    asked = len(engine.requests)
    ablate(demonstrations, "--k", "0", "1")
    assert len(engine.requests) == asked == 12


def test_ratings_of_people_give_pairs_too(project, demonstrations, engine):
    result = json.loads(ablate(demonstrations, "--k", "1", "--against", "ratings", "--json"))
    assert result["rows"][0]["accuracy"]["value"] == pytest.approx(2 / 3)


def test_what_cannot_work_is_said_before_anything_is_computed(project, demonstrations, engine, tmp_path):
    with pytest.raises(CommandError, match="1 demonstrations are given"):
        ablate(demonstrations, "--k", "3")
    with pytest.raises(CommandError, match=r"no\.jsonl"):
        ablate(tmp_path / "no.jsonl")
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{}")
    with pytest.raises(CommandError, match="line 1: expected an object with task"):
        ablate(broken)
    with pytest.raises(CommandError, match="There is no model 'other'; there are: writer"):
        ablate(demonstrations, "--k", "1", "--model", "other")
    make_project("empty")
    with pytest.raises(CommandError, match="No pair of outputs"):
        call_command("ablate_demonstrations", "--project", "empty", "--demonstrations", str(demonstrations))
    with pytest.raises(CommandError, match="no project"):
        call_command("ablate_demonstrations", "--project", "none", "--demonstrations", str(demonstrations))
    assert engine.requests == []
