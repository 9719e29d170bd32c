"""Rubrics to start from: what they say, and the way from the list to one of a project's own."""

from html.parser import HTMLParser

import pytest
from django.urls import reverse

from rewards.models import Rubric
from rewards.rubrics.aggregate import aggregate
from rewards.rubrics.lint import lint
from rewards.rubrics.parse import content_hash, rubric_from_dict, rubric_to_dict
from rewards.rubrics.predefined import GENERIC, STARTERS
from tests.factories import make_project, make_user


@pytest.mark.parametrize("starter", STARTERS.values(), ids=STARTERS)
def test_a_rubric_to_start_from_can_be_read_back_and_has_nothing_to_find_fault_with(starter):
    assert rubric_from_dict(rubric_to_dict(starter.content)) == starter.content
    assert list(lint(starter.content)) == []


def test_the_generic_rubric_is_the_share_of_its_four_criteria_that_are_met():
    # All weights are one: three of four met is 3/4.
    content = STARTERS[GENERIC].content
    values = dict(zip(content.keys, (1.0, 0.0, 1.0, 1.0), strict=True))
    assert aggregate(content, values, "rar_explicit").value == 0.75


class Fields(HTMLParser):
    """What a browser would send of the editor's form."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self._open = ""
        self._is_text = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        name = found.get("name") or ""
        if tag == "input" and found.get("type") != "checkbox":
            self.sent[name] = found.get("value") or ""
        elif tag in {"select", "textarea"}:
            self._open, self._is_text = name, tag == "textarea"
            self.sent[name] = ""
        elif tag == "option" and "selected" in found:
            self.sent[self._open] = found.get("value") or ""

    def handle_data(self, data):
        if self._is_text:
            self.sent[self._open] += data.removeprefix("\n")

    def handle_endtag(self, tag):
        self._is_text = self._is_text and tag != "textarea"


@pytest.fixture
def project():
    return make_project("mine", owner=make_user("olga"), viewer=make_user("vera"))


@pytest.mark.django_db
def test_the_editor_starts_from_it_and_what_is_saved_unchanged_is_the_same_rubric(client, project):
    client.login(username="olga", password="a-long-passphrase")
    url = reverse("rewards:rubric-create", args=["mine"]) + "?start=generic"
    assert f'href="{url}"' in client.get(reverse("rewards:rubric-list", args=["mine"])).content.decode()
    page = client.get(url).content.decode()
    assert not Rubric.objects.exists(), "nothing is stored before it is saved"
    client.post(url, {**Fields(page).sent, "do": "save"})
    rubric = Rubric.objects.get()
    assert (rubric.name, rubric.project) == ("Generic rubric", project)
    assert rubric.versions.get().content_hash == content_hash(STARTERS[GENERIC].content)


@pytest.mark.django_db
def test_an_unknown_start_is_not_found_and_a_viewer_is_offered_none(client, project):
    client.login(username="olga", password="a-long-passphrase")
    assert client.get(reverse("rewards:rubric-create", args=["mine"]) + "?start=no-such").status_code == 404
    client.login(username="vera", password="a-long-passphrase")
    assert "start=generic" not in client.get(reverse("rewards:rubric-list", args=["mine"])).content.decode()
    assert client.get(reverse("rewards:rubric-create", args=["mine"]) + "?start=generic").status_code in {403, 404}
