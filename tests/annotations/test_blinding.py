"""What annotators are sent never says who wrote an output, nor what others answered."""

import json

import pytest
from django.urls import reverse

from annotations.access import assignment_for
from annotations.actions.campaign import ProtocolContent, revise_protocol
from annotations.actions.lease import lease_next_item
from annotations.actions.submission import submit_answer
from annotations.blinding import shown_order
from annotations.models import Assignment, Campaign
from projects.models import Membership
from rewards.actions.reviews import MarkContent, review_mark
from rewards.models import Judgment, Output, Policy, Rater, SpanMark
from rewards.reviews import Decision
from rewards.text import Span, sha256_text
from tests.annotations.campaigns import FULL, full_answer, make_campaign
from tests.factories import make_judgment, make_output, make_project, make_task, make_user

pytestmark = pytest.mark.django_db

# Nothing that stands beside a text in the database may reach the annotator.
SECRETS = [
    "policy-zephyr", "policy-quokka", "output-ext-1", "output-ext-2", "task-ext", "tag-from-zephyr", "split-zephyr",
    "zephyr-licence", "zephyr-temperature", "zephyr.jsonl", "other-rater-comment", "zephyr-tool-name", "zephyr-channel",
]  # fmt: skip


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def ann():
    return make_user("ann")


@pytest.fixture
def project(owner, ann):
    project = make_project("lab", owner=owner, annotator=ann)
    ben = make_user("ben")
    Membership.objects.create(project=project, user=ben, role="annotator")
    return project


@pytest.fixture
def campaign(project, owner):
    for number in (1, 2):
        task = make_task(
            project,
            f"task-ext-{number}",
            tags=["tag-from-zephyr"],
            split="split-zephyr",
            licence="zephyr-licence",
            metadata={"file": "zephyr.jsonl"},
            reference="the-reference",
            output_count=2,
        )
        plain = make_output(
            task,
            "Paris is the capital.",
            policy="policy-quokka",
            external_id=f"output-ext-{number}-1",
            generation={"note": "zephyr-temperature"},
        )
        odd = {"role": "assistant", "channel": "zephyr-channel", "text": "It is Lyon.", "name": "zephyr-tool-name"}
        Output.objects.create(
            project=project,
            task=task,
            policy=Policy.objects.get_or_create(project=project, name="policy-zephyr")[0],
            external_id=f"output-ext-{number}-2",
            messages=[odd],
            content_hash=plain.content_hash,
        )
    return make_campaign(project, owner, items=0, overlap=2)


def assert_blind(response, extra=()):
    """No secret in any byte of the answer: body, headers, cookies."""
    everything = response.content.decode() + str(response.headers) + str(response.cookies)
    for secret in [*SECRETS, "output-ext", "task-ext", *extra]:
        assert secret not in everything, secret


def test_no_byte_of_the_annotators_pages_tells_who_wrote_what(client, campaign, ann):
    ben = Membership.objects.get(user__username="ben").user
    taken = lease_next_item(campaign=campaign, user=ben)
    answer = full_answer(taken)
    answer["errors"][0]["comment"] = "other-rater-comment"
    submit_answer(assignment=assignment_for(ben, taken.pk), key="k", answer=answer)

    client.force_login(ann)
    slug = campaign.project.slug
    for name in ("campaign-list",):
        assert_blind(client.get(reverse(f"annotations:{name}", args=[slug])), extra=["ben"])
    assert_blind(client.get(reverse("annotations:campaign-start", args=[slug, campaign.pk])), extra=["ben"])
    started = client.post(reverse("annotations:item-next", args=[slug, campaign.pk]))
    assert_blind(started)
    page = client.get(started.url)
    assert page.status_code == 200
    assert_blind(page, extra=["ben"])
    # The numbers of the outputs follow the order of the import, so they would tell the policies apart as well.
    assignment = Assignment.objects.get(user=ann)
    data = json.loads(page.content.decode().split('id="assignment" type="application/json">')[1].split("</script>")[0])
    assert {output["label"] for output in data["outputs"]} == {"A", "B"}
    assert set(data["outputs"][0]) == {"label", "messages", "tokens"}
    assert set(data["outputs"][0]["messages"][0]) == {"channel", "text", "text_sha256"}
    assert str(assignment.order) not in page.content.decode()


def test_no_byte_of_the_annotators_api_tells_who_wrote_what(client, campaign, ann):
    client.force_login(ann)
    root = f"/api/v1/projects/{campaign.project.slug}/campaigns"
    assert_blind(client.get(root))
    leased = client.post(f"{root}/{campaign.pk}/next").json()
    pk = leased["assignment"]
    own = f"/api/v1/assignments/{pk}"
    answer = full_answer(Assignment.objects.get(pk=pk))

    def send(method, path, body):
        response = getattr(client, method)(f"{own}{path}", json.dumps(body), content_type="application/json")
        assert_blind(response)
        return response

    assert_blind(client.get(own))
    assert send("put", "/draft", {"answer": answer, "revision": 0}).status_code == 200
    assert send("put", "/draft", {"answer": answer, "revision": 7}).status_code == 409
    assert send("post", "/heartbeat", {"active_ms": 5}).status_code == 200
    wrong = {**answer, "errors": [{**answer["errors"][0], "quote": "nonsense"}]}
    assert send("post", "/submit", {"key": "k", "answer": wrong}).status_code == 400
    assert send("post", "/submit", {"key": "k", "answer": {}}).status_code == 400
    assert send("post", "/submit", {"key": "k", "answer": answer}).status_code == 200
    assert send("post", "/submit", {"key": "l", "answer": answer}).status_code == 409
    assert send("post", "/undo", {}).status_code == 200
    assert send("post", "/skip", {"reason": "x"}).status_code == 200
    assert send("post", "/resume", {}).status_code == 200
    assert send("post", "/release", {}).status_code == 200


def test_annotators_do_not_reach_what_leaders_see(client, campaign, ann):
    client.force_login(ann)
    slug, pk = campaign.project.slug, campaign.pk
    sent_away = client.get(reverse("annotations:campaign-detail", args=[slug, pk]))
    assert sent_away.status_code == 302
    assert sent_away.url == reverse("annotations:campaign-start", args=[slug, pk])
    for name in ("campaign-items", "protocol-edit"):
        refused = client.get(reverse(f"annotations:{name}", args=[slug, pk]))
        assert refused.status_code == 403
        assert_blind(refused)
    refused = client.get(f"/api/v1/projects/{slug}/campaigns/{pk}")
    assert refused.status_code == 403
    assert_blind(refused)


def test_the_order_is_a_permutation_fixed_by_the_seed():
    orders = {tuple(shown_order([1, 2, 3], seed)) for seed in range(60)}
    # 60 draws of 6 orders: P(one is missing) < 6 * (5/6)**60 = 1e-4, and these seeds are fixed.
    assert len(orders) == 6
    assert shown_order([1, 2, 3], 5) == shown_order([3, 1, 2], 5)


def test_the_reference_is_sent_only_where_the_protocol_shows_it(client, campaign, owner, ann):
    client.force_login(ann)
    hidden = lease_next_item(campaign=campaign, user=ann)
    assert "the-reference" not in client.get(f"/annotate/{hidden.pk}/").content.decode()
    shown = ProtocolContent(questions=FULL, show_reference=True)
    revise_protocol(campaign=campaign, actor=owner, protocol=shown)
    ben = Membership.objects.get(user__username="ben").user
    visible = lease_next_item(campaign=Campaign.objects.get(), user=ben)
    client.force_login(ben)
    assert "the-reference" in client.get(f"/annotate/{visible.pk}/").content.decode()


def test_annotators_are_not_sent_what_models_marked_nor_what_people_said_of_it(client, campaign, ann, owner):
    output = Output.objects.filter(project=campaign.project, messages__0__text="Paris is the capital.").first()
    assert output is not None
    critic = Rater.objects.create(
        project=campaign.project, kind=Rater.Kind.SCORER, name="Critic", pseudonym="critic", scorer_hash="c" * 64
    )
    mark = SpanMark.objects.create(
        judgment=make_judgment(critic, Judgment.Kind.SPANS, output.task, output),
        output=output,
        message=0,
        start=0,
        end=5,
        quote="Paris",
        text_sha256=sha256_text("Paris is the capital."),
        type="type-of-the-critic",
        explanation="words-of-the-critic",
    )
    said = MarkContent(Span(0, 0, 8), "type-of-the-reviewer", "", "words-of-the-reviewer")
    review_mark(mark=mark, user=owner, decision=Decision.CHANGED, changed=said)
    secrets = ["of-the-critic", "of-the-reviewer", "Critic"]

    client.force_login(ann)
    started = client.post(reverse("annotations:item-next", args=[campaign.project.slug, campaign.pk]))
    page = client.get(started.url)

    assert "Paris is the capital." in page.content.decode()
    assert_blind(page, extra=secrets)
    assert_blind(client.get(f"/api/v1/assignments/{Assignment.objects.get(user=ann).pk}"), extra=secrets)
