"""Nothing that an annotator is sent tells a check from work; and right answers that come as rows."""

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from annotations.access import assignment_for
from annotations.actions.campaign import ProtocolContent, revise_protocol
from annotations.actions.gold import make_check
from annotations.actions.gold_import import import_gold
from annotations.actions.qualification import set_checks
from annotations.actions.submission import undo_submission
from annotations.checks import CheckSettings
from annotations.gold_rows import rows_of_column, rows_of_data, rows_of_file
from annotations.models import Assignment, Campaign, CampaignItem, CheckResult
from annotations.quality.checks import checks_report
from projects.errors import AppError
from rewards.models import Judgment, Task
from tests.annotations.test_checks import RATING, answer, campaign_of, lease, make_gold, rated, settle

pytestmark = pytest.mark.django_db


# What differs between any two items of work: row ids, seeds, tokens, hours.
_VARYING = [
    (re.compile(r'name="csrfmiddlewaretoken" value="[^"]+"'), "token"),
    (re.compile(r"'X-Request-ID': '[^']+'"), "request"),
    (re.compile(r'"X-CSRFToken": "[^"]+"'), "token"),
    (re.compile(r"nonce-[^']+|nonce=\"[^\"]+\""), "nonce"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "uuid"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.?\d*(Z|\+00:00)"), "time"),
    (re.compile(r"\d\d:\d\d"), "clock"),
    (re.compile(r"csrftoken=[^;]+|expires=[^;]+"), "cookie"),
    (re.compile(r"/(annotate|assignments)/\d+"), "address"),
    (re.compile(r'"(id|assignment)": ?\d+'), "id"),
    (re.compile(r'("Content-Length"|Content-Length.: .)\d+'), "length"),
    (re.compile(r"<strong>\d+</strong>|value=\"\d+\"|\d+ of \d+|\d+ done by you|\d+ / \d+"), "count"),
]


def bytes_of(response):
    """Everything that was sent, without what varies between any two items; the order of two responses as well."""
    text = f"{response.status_code}\n{response.headers}\n{response.cookies}\n{response.content.decode()}"
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


def session(client, campaign, user, expected):
    """All that one item sends an annotator from the lease to undo and skip, and what is said of the campaign after."""
    slug, root = campaign.project.slug, f"/api/v1/projects/{campaign.project.slug}/campaigns"
    started = client.post(reverse("annotations:item-next", args=[slug, campaign.pk]))
    assignment = Assignment.objects.get(user=user, status="leased")
    assert assignment.item.kind == expected
    # One order, so that the two texts are compared in the same places.
    assignment.order = sorted(assignment.order)
    assignment.save()
    own = f"/api/v1/assignments/{assignment.pk}"
    sent = [started, client.get(started.url), client.get(own)]

    def post(path, body):
        sent.append(client.post(f"{own}{path}", json.dumps(body), content_type="application/json"))

    body = rated(assignment, 6, 2)
    post("/heartbeat", {"active_ms": 5})
    post("/submit", {"key": "x", "answer": {}})
    post("/submit", {"key": f"k{assignment.pk}", "answer": body})
    sent.append(client.get(f"/annotate/{assignment.pk}/"))
    post("/undo", {})
    post("/skip", {"reason": "x"})
    post("/resume", {})
    post("/submit", {"key": f"l{assignment.pk}", "answer": body})
    counted = json.loads(client.get(root).content)
    sent.append(client.get(reverse("annotations:campaign-start", args=[slug, campaign.pk])))
    sent.append(client.get(reverse("annotations:campaign-list", args=[slug])))
    row = counted["results"][0]
    return [bytes_of(response) for response in sent], (row["submitted_count"], row["mine"])


@pytest.mark.parametrize("kind", ["gold", "attention"])
def test_every_byte_about_a_check_is_what_work_would_have_sent(client, project, owner, ann, kind):
    campaign = campaign_of(project, owner, 4)
    make_gold(campaign.items.first(), owner, kind=kind)
    client.force_login(ann)
    settle(campaign, owner)
    work, before = session(client, campaign, ann, "work")
    settle(campaign, owner, **{f"{kind}_percent": 100})
    check, after = session(client, campaign, ann, kind)
    settle(campaign, owner)
    again, last = session(client, campaign, ann, "work")
    # The first item has no undo of an earlier one on its page, so that the second and third are compared whole.
    lines = zip("\n".join(check).splitlines(), "\n".join(again).splitlines(), strict=True)
    assert [(seen, usual) for seen, usual in lines if seen != usual] == []
    assert len(check) == len(work)
    assert (before, after, last) == ((1, 1), (2, 2), (3, 3))
    assert CheckResult.objects.standing().count() == 1
    assert Judgment.objects.filter(withdrawn_at=None).count() == 4


def test_rows_put_answers_in_force_by_the_outputs_that_they_name(project, owner):
    campaign = campaign_of(project, owner, 2)
    tasks = list(Task.objects.order_by("id"))
    outputs = [output.external_id for output in tasks[0].outputs.order_by("-id")]
    row = {
        "task": tasks[0].external_id,
        "kind": "training",
        "outputs": outputs,
        "answer": {"overall": {"A": 2, "B": 7}},
        "explanation": "Lyon is wrong.",
        "pass_marks": {"overall": 1},
    }
    (item,) = import_gold(campaign=campaign, actor=owner, rows=rows_of_data([row]))
    gold = item.gold
    assert (item.kind, gold.origin, gold.explanation, gold.pass_marks) == (
        "training", "imported", "Lyon is wrong.", {"overall": 1.0},
    )  # fmt: skip
    assert gold.order == list(tasks[0].outputs.order_by("-id").values_list("pk", flat=True))
    # The same rows again change nothing; another answer is a version.
    import_gold(campaign=campaign, actor=owner, rows=rows_of_data([row]))
    assert item.gold_versions.count() == 1
    import_gold(campaign=campaign, actor=owner, rows=rows_of_data([{**row, "answer": {"overall": {"A": 1, "B": 7}}}]))
    item.refresh_from_db()
    assert item.gold.number == 2
    campaign.refresh_from_db()
    assert campaign.item_count == 1


def test_one_bad_row_names_itself_and_nothing_is_taken(project, owner):
    campaign = campaign_of(project, owner, 1)
    task = Task.objects.get().external_id
    good = {"task": task, "answer": {"overall": {"A": 2, "B": 7}}}
    rows = rows_of_data([
        good,
        {**good, "task": "none"},
        {**good, "answer": {"overall": {"A": 9, "B": 1}}},
        {**good, "outputs": ["strange"]},
    ])  # fmt: skip
    with pytest.raises(AppError) as refused:
        import_gold(campaign=campaign, actor=owner, rows=rows)
    assert set(refused.value.fields) == {"rows.2.task", "rows.3.overall.A", "rows.4.outputs"}
    assert not CampaignItem.objects.checks().exists()
    with pytest.raises(AppError) as refused:
        rows_of_data([{"task": "", "kind": "work", "answer": [], "colour": 1}])
    assert set(refused.value.fields) == {"rows.1.task", "rows.1.kind", "rows.1.answer", "rows.1.colour"}


def test_files_and_columns_of_the_tasks_are_read_alike(project, owner):
    campaign = campaign_of(project, owner, 1)
    task = Task.objects.get()
    told = {"overall": {"A": 2, "B": 7}}
    lines = json.dumps({"task": task.external_id, "answer": told}).encode()
    table = f'task,kind,answer\n{task.external_id},gold,"{json.dumps(told).replace(chr(34), chr(34) * 2)}"\n'.encode()
    Task.objects.filter(pk=task.pk).update(metadata={"gold": told, "check": {"kind": "gold", "answer": told}})
    read = [
        rows_of_file("a.jsonl", lines),
        rows_of_file("a.csv", table),
        rows_of_column(campaign, "check"),
        rows_of_data([{"task": task.external_id, "answer": told}]),
    ]
    assert all(rows == read[0] for rows in read)
    with pytest.raises(AppError, match=r"rows\.1"):
        rows_of_file("a.jsonl", b"{not json")
    with pytest.raises(AppError, match="No task has a column"):
        rows_of_column(campaign, "colour")


def test_the_page_imports_a_file_and_shows_each_problem(client, project, owner):
    campaign = campaign_of(project, owner, 1)
    client.force_login(owner)
    url = reverse("annotations:check-import", args=[project.slug, campaign.pk])
    task = Task.objects.get().external_id
    bad = SimpleUploadedFile("a.jsonl", json.dumps({"task": task, "answer": {"overall": {"A": 99}}}).encode())
    page = client.post(url, {"file": bad})
    assert b"rows.1.overall.A" in page.content
    good = SimpleUploadedFile("a.jsonl", json.dumps({"task": task, "answer": {"overall": {"A": 2, "B": 6}}}).encode())
    assert client.post(url, {"file": good}).status_code == 302
    assert CampaignItem.objects.checks().get().gold.answer == {"overall": {"A": 2, "B": 6}}
    assert b"Choose a file or name a column" in client.post(url, {}).content


def test_the_api_makes_changes_and_withdraws_right_answers(client, project, owner):
    campaign = campaign_of(project, owner, 2)
    client.force_login(owner)
    root = f"/api/v1/projects/{project.slug}/campaigns/{campaign.pk}/checks"

    def send(method, path, body):
        return getattr(client, method)(f"{root}{path}", json.dumps(body), content_type="application/json")

    task = Task.objects.first().external_id
    made = send("post", "", {"rows": [{"task": task, "kind": "attention", "answer": {"overall": {"A": 1, "B": 7}}}]})
    assert made.status_code == 201
    pk = made.json()[0]["id"]
    assert client.get(root).json()["results"][0]["gold"]["number"] == 1
    changed = send("put", f"/{pk}", {"explanation": "Because.", "pass_marks": {"overall": 0.5}})
    assert (changed.json()["gold"]["number"], changed.json()["gold"]["explanation"]) == (2, "Because.")
    assert send("patch", "/settings", {"attention_percent": 30}).json()["attention_percent"] == 30
    refused = send("patch", "/settings", {"attention_percent": 300, "colour": 1})
    assert refused.status_code == 400
    assert set(refused.json()["fields"]) == {"attention_percent", "colour"}
    assert client.delete(f"{root}/{pk}").status_code == 204
    assert client.get(f"{root}/{pk}").json()["gold"] is None


def test_the_figures_count_what_stands_by_person_and_question(project, owner, ann, django_assert_num_queries):
    campaign = campaign_of(project, owner, 6)
    for item in list(campaign.items.all()[:3]):
        make_gold(item, owner)
    campaign = settle(campaign, owner, gold_percent=100)
    for key, paris in (("a", 6), ("b", 6), ("c", 1)):
        answer(lease(campaign, ann), paris=paris, key=key)
    with django_assert_num_queries(3):
        report = checks_report(campaign)
    (person,) = report.people
    gold = person.figures["gold"]
    # Wilson for 2 of 3 at 95 %: centre (2/3 + 1.9207/3) / (1 + 3.8415/3) = 0.573, half-width 0.3654.
    assert (gold.share.successes, gold.share.n) == (2, 3)
    assert gold.share.low == pytest.approx(0.2077, abs=5e-4)
    assert gold.share.high == pytest.approx(0.9385, abs=5e-4)
    # Scores 1, 1 and (1/6 + 1) / 2.
    assert gold.score == pytest.approx((2 + 7 / 12) / 3)
    (question,) = report.questions
    assert (question.key, question.gold.share.successes, question.again.share.n) == ("overall", 2, 0)
    assert [(cell.name, cell.figure.share.n) for cell in report.cells] == [(str(ann), 3)]


def test_training_shows_what_is_right_and_why_and_work_goes_on_from_there(client, project, owner, ann):
    campaign = campaign_of(project, owner, 2)
    item = make_check(item=campaign.items.first(), kind="training", actor=owner)
    import_gold(campaign=campaign, actor=owner, rows=rows_of_data([
        {"task": item.task.external_id, "kind": "training", "answer": {"overall": {"A": 7, "B": 1}},
         "explanation": "<b>Lyon</b> is wrong."}
    ]))  # fmt: skip
    asked = lease(campaign, ann)
    client.force_login(ann)
    body = {"key": "t", "answer": rated(asked, 7, 5)}
    done = client.post(f"/api/v1/assignments/{asked.pk}/submit", json.dumps(body), content_type="application/json")
    assert done.json()["next"] == f"/annotate/{asked.pk}/"
    page = client.get(done.json()["next"]).content.decode()
    assert "&lt;b&gt;Lyon&lt;/b&gt; is wrong." in page
    assert "5 of 7" in page
    assert "1 of 7" in page
    assert "Undo submit" not in page


def test_where_gold_is_told_its_answer_is_shown_and_stands_and_work_can_still_be_taken_back(
    client, project, owner, ann
):
    campaign = campaign_of(project, owner, 3)
    make_gold(campaign.items.first(), owner)
    campaign = settle(campaign, owner, gold_percent=100, tells_gold=True)
    asked = lease(campaign, ann)
    assert asked.item.kind == "gold"
    client.force_login(ann)
    body = {"key": "t", "answer": rated(asked, 1, 2), "with_next": True, "with_page": True}
    done = client.post(f"/api/v1/assignments/{asked.pk}/submit", json.dumps(body), content_type="application/json")
    assert (done.json()["next"], done.json()["page"]) == (f"/annotate/{asked.pk}/", None)
    page = client.get(done.json()["next"]).content.decode()
    assert "6 of 7" in page
    assert "1 of 7" in page
    with pytest.raises(AppError) as refused:
        undo_submission(assignment=assignment_for(ann, asked.pk))
    assert refused.value.code == "answer_stands"
    work = lease(campaign, ann)
    assert "Undo submit" not in client.get(f"/annotate/{work.pk}/").content.decode()
    answer(work, key="w")
    following = client.get(f"/annotate/{lease(campaign, ann).pk}/").content.decode()
    assert reverse("annotations:submit-undo", args=[work.pk]) in following


def test_a_new_version_of_the_guidelines_is_announced_noticed_and_kept_with_the_answer(client, project, owner, ann):
    campaign = campaign_of(project, owner, 3)
    answer(lease(campaign, ann))
    shown = [{"is_good": False, "text": "<i>Sure!</i>", "reason": "Says nothing."}]
    revised = ProtocolContent(questions=RATING, guidelines="Read twice.", examples=shown)
    version = revise_protocol(campaign=campaign, actor=owner, protocol=revised)
    assert version.examples == shown
    notice = ann.notifications.get(kind="campaign.revised")
    assert notice.data == {"name": campaign.name, "number": 2}
    client.force_login(ann)
    asked = lease(campaign, ann)
    page = client.get(f"/annotate/{asked.pk}/").content.decode()
    assert "have changed since your last answer" in page
    assert "&lt;i&gt;Sure!&lt;/i&gt;" in page
    assert "Says nothing." in page
    done = answer(asked, key="v2")
    assert done.submission.protocol == version
    again = lease(campaign, ann)
    assert "have changed since your last answer" not in client.get(f"/annotate/{again.pk}/").content.decode()
    with pytest.raises(AppError) as refused:
        revise_protocol(
            campaign=campaign, actor=owner, protocol=ProtocolContent(questions=RATING, examples=[{"text": ""}])
        )
    assert refused.value.code == "protocol_invalid"
    assert set(refused.value.fields) == {"examples.0.text"}


def test_the_leads_pages_lead_from_an_item_to_its_right_answer(client, project, owner, ann):
    campaign = campaign_of(project, owner, 2)
    client.force_login(owner)
    slug, pk = project.slug, campaign.pk
    item = campaign.items.first()
    made = client.post(reverse("annotations:check-make", args=[slug, pk, item.pk]), {"kind": "gold"})
    assert made.url == reverse("annotations:check-detail", args=[slug, pk, item.pk])
    assert b"nobody is asked" in client.get(made.url).content
    started = client.post(reverse("annotations:check-answer", args=[slug, pk, item.pk]))
    page = client.get(started.url).content.decode()
    assert "You say what is right" in page
    assert 'aria-keyshortcuts="s"' not in page
    assignment = Assignment.objects.get(user=owner)
    body = {"key": "g", "answer": rated(assignment, 6, 2)}
    done = client.post(f"/api/v1/assignments/{assignment.pk}/submit", json.dumps(body), content_type="application/json")
    assert done.json()["next"] == made.url
    assert client.get(started.url).url == made.url
    shown = client.get(made.url).content.decode()
    assert "6 of 7" in shown
    saved = client.post(made.url, {"explanation": "So it is.", "mark_overall": "0.9"})
    assert saved.status_code == 302
    item.refresh_from_db()
    assert (item.gold.number, item.gold.explanation, item.gold.pass_marks) == (2, "So it is.", {"overall": 0.9})
    kept = CheckSettings(
        gold_percent=7, attention_percent=0, repeat_percent=3, repeat_after=4, pause_after=2, tells_gold=True
    )
    assert client.post(reverse("annotations:check-list", args=[slug, pk]), kept.to_json()).status_code == 302
    assert CheckSettings.of(Campaign.objects.get(pk=pk)) == kept


@pytest.mark.parametrize("n", [1, 3])
def test_the_list_of_checks_costs_the_same_for_many(client, project, owner, django_assert_num_queries, n):
    campaign = campaign_of(project, owner, 4)
    for item in list(campaign.items.all()[:n]):
        make_gold(item, owner)
    set_checks(campaign=campaign, settings=CheckSettings(), actor=owner)
    client.force_login(owner)
    # Session, user, project, campaign, items, counts by kind.
    with django_assert_num_queries(6):
        client.get(reverse("annotations:check-list", args=[project.slug, campaign.pk]))


def test_somebody_who_failed_sees_why_and_tries_again_from_the_page(client, project, owner, ann):
    campaign = campaign_of(project, owner, 3)
    for item in list(campaign.items.all()[:2]):
        make_gold(item, owner, kind="qualification")
    campaign = settle(campaign, owner, qualification_items=1, qualification_attempts=2)
    start = reverse("annotations:campaign-start", args=[project.slug, campaign.pk])
    client.force_login(ann)
    assert "A qualification comes before the work" in client.get(start).content.decode()
    answer(lease(campaign, ann), paris=1, other=7)
    page = client.get(start).content.decode()
    assert "Qualification: not passed" in page
    assert "0 of 1 items were right" in page
    assert client.post(reverse("annotations:attempt-begin", args=[project.slug, campaign.pk])).url == start
    answer(lease(campaign, ann), key="b")
    assert "You have passed the qualification" in client.get(start).content.decode()
