"""On an output's page in Chromium, by mouse, by keyboard alone and by touch: a critic's spans, and users' reactions."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from projects.actions.token import issue_token
from projects.models import TokenScope
from rewards.models import Judgment, Output, Rater, SpanMark, Task
from rewards.text import sha256_text
from tests.browser.people_at_work import KEYS, PLAIN_WORD, TOUCH, WAYS
from tests.browser.walk_campaigns import import_as
from tests.factories import make_judgment, make_project, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def lead():
    return make_user("mia")


@pytest.fixture
def task(lead, real_data):
    """A real task; a critic has marked three words of its first output."""
    project = make_project("quill", owner=lead)
    import_as(project, "fine_grained_rlhf", real_data / "fine_grained_rlhf" / "dev_feedback.json")
    task = Task.objects.earliest("pk")
    critic = Rater.objects.create(project=project, kind=Rater.Kind.SCORER, name="Critic", scorer_hash="c" * 64)
    output = Output.objects.filter(task=task).earliest("pk")
    text = output.messages[-1]["text"]
    judgment = make_judgment(critic, Judgment.Kind.SPANS, task, output)
    for word in list(PLAIN_WORD.finditer(text))[:3]:
        SpanMark.objects.create(
            judgment=judgment,
            output=output,
            message=len(output.messages) - 1,
            start=word.start(),
            end=word.end(),
            quote=word.group(),
            text_sha256=sha256_text(text),
            type="factual",
        )
    return task


@pytest.fixture
def open_task(open_page, lead, task):
    def open_(way):
        options = {"width": 390, "height": 844, "touch": True} if way == TOUCH else {}
        return open_page(lead, f"/p/quill/tasks/{task.pk}/", **options)

    return open_


def press(page, way, target):
    """A button, a link or the title of something folded."""
    if way == TOUCH:
        target.tap()
    elif way == KEYS:
        walk_to(page, target)
        page.keyboard.press("Enter")
    else:
        target.click()


def walk_to(page, target):
    """With Tab alone."""
    for _ in range(200):
        if target.evaluate("target => target === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {target}")


@pytest.mark.parametrize("way", WAYS)
def test_a_lead_reviews_what_a_critic_marked(open_task, task, lead, way):
    page = open_task(way)
    marks = list(SpanMark.objects.filter(judgment__rater__name="Critic").order_by("start"))
    panel = page.locator(".output-panel", has=page.locator(f"#output-{marks[0].output_id}"))
    for mark, decision in zip(marks, ("Accept", "Reject", "Change it"), strict=True):
        # A change brings the page anew, with the list folded.
        folded = panel.locator(".mark-list").first
        if folded.get_attribute("open") is None:
            press(page, way, folded.locator("summary").first)
        row = panel.locator(".mark-list ol > li", has=page.locator(f"[data-mark='{mark.pk}']"))
        press(page, way, row.get_by_role("link", name="Review"))
        expect(row.locator(".review-open:not(.htmx-added)")).to_be_visible()
        if decision == "Change it":
            press(page, way, row.get_by_text("Change it"))
            words = row.get_by_label("Type")
            words.tap() if way == TOUCH else walk_to(page, words) if way == KEYS else words.click()
            page.keyboard.press("Control+a")
            page.keyboard.type("style")
            with page.expect_event("load"):
                press(page, way, row.get_by_role("button", name="Store the change"))
        else:
            press(page, way, row.get_by_role("button", name=decision))
            expect(row.locator("[data-decision]")).to_be_visible()
    own = Judgment.objects.standing().filter(rater__user=lead).order_by("pk")
    # What was said otherwise stands beside what the model had said.
    expect(page.locator("[data-message] mark.mark-refused")).to_have_text([marks[1].quote, marks[2].quote])
    assert [one.presentation["review"]["decision"] for one in own] == ["accepted", "rejected", "changed"]
    kept = SpanMark.objects.filter(judgment__in=own).order_by("start").values_list("origin", "quote", "type")
    assert list(kept) == [(marks[0].pk, marks[0].quote, "factual"), (marks[2].pk, marks[2].quote, "style")]
    if way == TOUCH:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.errors == []


# Who reacts how, in this order; the second thumb of a person replaces the first.
REACTIONS = [
    ("ann", "👍"),
    ("ben", "👎"),
    ("cat", "👍🏽"),
    ("ann", "👎"),
    ("dan", "👍"),
    ("eve", "love"),
    ("ann", "love"),
]


def post_reactions(lead, output):
    until = timezone.now() + timedelta(days=1)
    secret = issue_token(user=lead, name="app", scopes=[TokenScope.WRITE], expires_at=until).secret
    for number, (user, reaction) in enumerate(REACTIONS):
        row = {"key": f"k{number}", "reaction": reaction, "user": user, "output": output.pk}
        answer = Client().post(
            "/api/v1/projects/quill/reactions",
            {"app": "chat", "reactions": [row]},
            content_type="application/json",
            headers={"Authorization": f"Bearer {secret}"},
        )
        assert answer.json()["stored"] == 1


@pytest.mark.parametrize("way", WAYS)
def test_what_users_of_an_application_react_is_read_beside_the_output(open_task, task, lead, way):
    output = Output.objects.filter(task=task).latest("pk")
    post_reactions(lead, output)
    page = open_task(way)
    panel = page.locator(".output-panel", has=page.locator(f"#output-{output.pk}"))
    thumbs = {user: reaction != "👎" for user, reaction in REACTIONS if reaction != "love"}
    share = sum(thumbs.values()) / len(thumbs)
    row = panel.locator("details", has_text="Thumbs").first
    expect(row.locator("summary").first).to_have_text(
        f"Thumbs {share:.2f} of 1 · {len(thumbs)} of {len(thumbs)} ratings"
    )
    press(page, way, row.locator("summary").first)
    expect(row.locator(".answer-line").first).to_be_visible()
    lines = row.locator(".answer-line").all_inner_texts()
    assert sorted(line.split(":")[1].strip()[0] for line in lines) == ["0", "0", "1", "1"]
    expect(panel.locator("summary", has_text="Reaction-love")).to_have_text("Reaction-love 1 of 1 · 2 of 2 ratings")
    if way == TOUCH:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.errors == []
