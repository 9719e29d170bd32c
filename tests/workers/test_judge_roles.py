"""Judges that can answer in several ways, as scorers and their forms see them."""

import pytest
from django.urls import reverse

from projects.errors import AppError
from tests.factories import make_project, make_user
from tests.workers.test_scorers import make_endpoint
from workers.actions.scorers import create_scorer
from workers.catalogue import entry_for, serving
from workers.models import Scorer
from workers.sources.json_judge import JsonJudge
from workers.sources.likert import DirectLikert
from workers.sources.rubric_written import RubricJudgeWritten

pytestmark = pytest.mark.django_db
LINES = '{"task": "Name a fruit.", "response": "An apple.", "rationale": "It is one.", "verdict": 9}'


@pytest.fixture
def project():
    return make_project("mine", owner=make_user("olga"))


def likert(project, endpoint, **parameters):
    return create_scorer(
        project=project, source="direct_likert", endpoints={"judge": endpoint}, parameters=parameters, actor=None
    )


def test_a_model_that_can_serve_one_way_of_answering_is_offered_and_the_way_decides_whether_it_fits(project):
    writer, reader, other = (make_endpoint(name, capabilities=[name]) for name in ("generate", "choose", "embed"))
    judge = DirectLikert.declaration.models[0]
    assert serving(judge, [writer, reader, other]) == [writer, reader]
    assert entry_for(DirectLikert.declaration, [writer]).obstacle == ""
    assert "embed cannot give" in entry_for(DirectLikert.declaration, [other]).obstacle
    assert likert(project, writer, answer_by="written").pk
    assert likert(project, reader, answer_by="probabilities").pk
    with pytest.raises(AppError) as caught:
        likert(project, writer, answer_by="probabilities")
    assert caught.value.fields == {"judge": ["generate cannot give choose"]}
    with pytest.raises(AppError) as caught:
        likert(project, reader, answer_by="reasoned")
    assert caught.value.fields == {"judge": ["choose cannot give generate"]}
    assert serving(RubricJudgeWritten.declaration.models[0], [writer, reader]) == [writer]


def test_a_panel_is_a_scorer_with_more_judges_and_a_cascade_without_a_second_is_none(project):
    cheap, strong = (make_endpoint(name, capabilities=["choose"]) for name in ("cheap", "strong"))
    both = create_scorer(
        project=project, source="direct_likert", endpoints={"judge": cheap, "judge_2": strong}, actor=None
    )
    assert both.hash != likert(project, cheap).hash
    with pytest.raises(AppError) as caught:
        likert(project, cheap, panel="cascade")
    assert list(caught.value.fields) == ["judge_2"]


def test_demonstrations_are_written_line_by_line_in_the_form_and_one_that_cannot_be_read_is_named(project, client):
    endpoint = make_endpoint("writer", capabilities=["generate"])
    client.login(username="olga", password="a-long-passphrase")
    url = reverse("workers:scorer-create", args=["mine", JsonJudge.declaration.name])
    page = client.get(url)
    form = page.context["form"]
    assert form.fields["demonstrations"].widget.__class__.__name__ == "Textarea"
    sent = {
        name: field.initial
        for name, field in form.fields.items()
        if field.initial is not None and field.initial is not False
    }
    sent |= {"judge": str(endpoint.pk), "shots": "2", "demonstrations": f"{LINES}\r\n{LINES}\r\n"}
    wrong = client.post(url, {**sent, "demonstrations": f"{LINES}\r\nnothing"})
    [said] = wrong.context["form"].errors["demonstrations"]
    assert said.lower().startswith("line 2: expected a json object on one line")
    assert not Scorer.objects.exists()
    assert client.post(url, sent).status_code == 302
    assert Scorer.objects.get().parameters["demonstrations"] == f"{LINES}\n{LINES}\n"
