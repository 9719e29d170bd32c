"""`manage.py length_probe`: a real scorer on the outputs of a project."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from rewards.models import Judgment, RewardSignal
from tests.factories import make_output, make_project, make_task
from tests.workers.counting_source import MODEL_GONE, REFUSED, counting_scorer

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project("mine")


def probe(*arguments):
    said = StringIO()
    call_command("length_probe", "--project", "mine", *arguments, stdout=said)
    return said.getvalue()


def test_a_scorer_of_length_prefers_the_padded_text_always_and_the_swapped_where_it_is_longer(project, counting):
    # Lengths 2 and 5: swapped, the first prompt sees 5 > 2 (wrong) and the second 2 < 5. Padded to twice their own
    # lengths, 4 and 10: the first gets the 5, the second has only 2 and cannot be padded.
    for text in ("ab", "abcde"):
        make_output(make_task(project), text)
    scorer = counting_scorer(project)
    said = probe("--scorer", scorer.name)
    assert "on 2 prompts" in said
    assert "another prompt is preferred in 50.0% of 2 prompts" in said
    assert "padded to 2 times the length is preferred in 100.0% of 1 prompts" in said
    assert "0 ties, 1 unscored or too short to pad" in said
    assert probe("--scorer", scorer.hash[:10]) == said


def test_nothing_is_stored(project, counting):
    for text in ("ab", "abcde"):
        make_output(make_task(project), text)
    probe("--scorer", counting_scorer(project).name)
    assert not RewardSignal.objects.exists()
    assert not Judgment.objects.exists()


def test_one_output_of_each_task_is_read_and_no_more_tasks_than_asked(project, counting):
    for number in range(3):
        task = make_task(project)
        make_output(task, "x" * (number + 1))
        make_output(task, "later")
    assert "on 3 prompts" in probe("--scorer", counting_scorer(project).name)
    assert "on 2 prompts" in probe("--scorer", counting_scorer(project).name, "--tasks", "2")


def test_what_is_refused_is_left_out_and_counted(project, counting):
    for text in (f"{REFUSED} ", f"{REFUSED}  "):
        make_output(make_task(project), text)
    said = probe("--scorer", counting_scorer(project).name)
    assert said.count("not measured") == 2


def test_what_cannot_be_probed_is_said(project, counting):
    scorer = counting_scorer(project)
    with pytest.raises(CommandError, match="There is no scorer 'x'; there are: "):
        probe("--scorer", "x")
    with pytest.raises(CommandError, match="expected at least two that differ"):
        probe("--scorer", scorer.name)
    for text in ("ab", "abcde"):
        make_output(make_task(project), text)
    with pytest.raises(CommandError, match="There is no signal 'no'; there are: length"):
        probe("--scorer", scorer.name, "--channel", "no")
    make_output(make_task(project), MODEL_GONE)
    with pytest.raises(CommandError, match="there is no such model"):
        probe("--scorer", scorer.name)
