"""The study that plays strategies of asking, from its form to its picture."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from annotations.actions.study import run_study
from annotations.studies.curves import plot
from rewards.acquisition.allocation import ALLOCATIONS
from rewards.acquisition.arms import ARMS
from rewards.acquisition.duels import DUELS
from rewards.acquisition.labelling import PICKERS
from tests.factories import make_comparison, make_output, make_project, make_rater, make_task, make_user

pytestmark = pytest.mark.django_db
SMALL = {
    "game": "pairs", "source": "simulated", "options": 4, "temperature": 1.0, "lapse": 0.1, "answers": 40, "repeats": 2,
    "seed": 0,
}  # fmt: skip


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("lab", owner=owner)


def test_every_strategy_is_played_on_the_same_options(project):
    result = run_study(project, kind="acquisition", parameters=SMALL).result
    assert [curve["name"] for curve in result["curves"]] == list(DUELS)
    assert all(curve["at"][-1] == 40 for curve in result["curves"])
    ratings = run_study(project, kind="acquisition", parameters={**SMALL, "game": "ratings"}).result
    assert [curve["name"] for curve in ratings["curves"]] == list(ARMS)
    judges = run_study(project, kind="acquisition", parameters={**SMALL, "game": "judges"}).result
    assert [curve["name"] for curve in judges["curves"]] == list(ALLOCATIONS)
    items = run_study(project, kind="acquisition", parameters={**SMALL, "game": "items"}).result
    assert [curve["name"] for curve in items["curves"]] == list(PICKERS)


def test_the_projects_policies_answer_as_they_were_compared(project):
    rater = make_rater(project, "ann")
    for number in range(6):
        task = make_task(project, f"t{number}")
        a, b = make_output(task, "x", policy="strong"), make_output(task, "y", policy="weak")
        make_comparison(rater, a, b, "a")
    result = run_study(project, kind="acquisition", parameters={**SMALL, "source": "policies"}).result
    assert (result["winner"], result["compared"], sorted(result["names"])) == ("strong", 6, ["strong", "weak"])
    assert (result["condorcet"], result["unmet_pairs"], result["cycles"]) == ("strong", 0, [])
    assert [(row["name"], row["borda"], row["compared"]) for row in result["standings"]] == [
        ("strong", 1, 6),
        ("weak", 0, 6),
    ]


def test_policies_that_beat_each_other_in_a_circle_are_told_and_escaped(client, owner, project):
    rater = make_rater(project, "ann")
    names = ["rock", "paper<b>", "scissors"]
    for better, worse in ((0, 2), (1, 0), (2, 1)):
        for number in range(9):
            task = make_task(project, f"{better}-{number}")
            a, b = (make_output(task, "x", policy=names[one]) for one in (better, worse))
            make_comparison(rater, a, b, "a")
    study = run_study(project, kind="acquisition", parameters={**SMALL, "source": "policies"})
    # 9 of 9: 2 sqrt(9) 0.5 = 3 > 1.96.
    assert [(sorted(cycle["names"]), cycle["is_certain"]) for cycle in study.result["cycles"]] == [
        (sorted(names), True)
    ]
    client.force_login(owner)
    page = client.get(f"/p/lab/compare/{study.pk}/").content.decode()
    assert "Preferences run in circles" in page
    assert "paper&lt;b&gt; &gt;" in page


def test_without_compared_policies_it_says_what_it_needs(project):
    study = run_study(project, kind="acquisition", parameters={**SMALL, "source": "policies"})
    assert (study.status, study.failure) == ("failed", "comparisons of 0 policies are stored: expected at least 2")


def test_lines_start_at_no_answers_and_no_regret_and_end_on_the_frame():
    curves = [
        {"label": "a", "at": [1, 10], "regret": [0.0, 8.0], "error": [None, None], "found": 1.0, "asked": 10.0},
        {"label": "b", "at": [1, 10], "regret": [0.0, 2.0], "error": [0.0, 1.0], "found": 1.0, "asked": 10.0},
    ]
    found = plot({"curves": curves})
    assert [line.label for line in found.lines] == ["b", "a"]
    x, y = map(float, found.lines[1].points.split()[-1].split(","))
    assert (x, y) == (found.right, found.top)
    # A quarter of the height: 2 of 8.
    assert float(found.lines[0].points.split()[-1].split(",")[1]) == pytest.approx(found.bottom - 0.25 * 244, abs=0.1)
    assert [tick.text for tick in found.x_ticks] == ["0", "2", "5", "8", "10"]


def test_the_page_draws_a_line_for_each_strategy(client, owner, project, django_capture_on_commit_callbacks):
    client.force_login(owner)
    with django_capture_on_commit_callbacks(execute=True):
        address = client.post("/p/lab/compare/new/acquisition/", SMALL).url
    page = client.get(address).content.decode()
    assert page.count("<polyline") == len(DUELS)
    for strategy in DUELS.values():
        assert strategy.label in page
    wrong = client.post("/p/lab/compare/new/acquisition/", {**SMALL, "answers": 10_000})
    assert "less than or equal to 2000" in wrong.content.decode()


def test_the_command_plays_the_forms_defaults_with_what_is_changed(project, capsys):
    changed = [f"--param={name}={SMALL[name]}" for name in ("options", "answers", "repeats")]
    call_command("study", "acquisition", "--project", "lab", *changed)
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == len(DUELS)
    with pytest.raises(CommandError, match="answers: Ensure this value"):
        call_command("study", "acquisition", "--project", "lab", "--param", "answers=3")
