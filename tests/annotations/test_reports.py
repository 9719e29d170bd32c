"""Reports on items: kept, told to those who lead, settled once, and no answer is changed by them."""

import pytest
from django.db import transaction
from django.urls import reverse

from annotations.actions.lease import lease_next_item
from annotations.actions.reports import MOST_OPEN, report_item, resolve_report
from annotations.models import Assignment, ItemReport
from projects.errors import AppError
from projects.models import Notification
from tests.annotations.campaigns import make_campaign, shown_outputs
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db

# Outside the basic plane: UTF-16 would count the family differently.
TEXT = "A family 👩‍👩‍👧 in Paris."


@pytest.fixture
def lead():
    return make_user("olga")


@pytest.fixture
def assignment(lead):
    ann = make_user("ann")
    project = make_project("lab", owner=lead, annotator=ann, viewer=make_user("vera"))
    return lease_next_item(campaign=make_campaign(project, lead, texts=[TEXT, "Lyon."]), user=ann)


def label_of(assignment: Assignment, text: str) -> str:
    return next(key for key, output in shown_outputs(assignment).items() if output.messages[0]["text"] == text)


def send(client, assignment, **body):
    url = reverse("annotations-api:assignment-reports", args=[assignment.pk])
    return client.post(url, body, content_type="application/json")


def test_a_question_keeps_the_words_that_it_is_about_in_code_points(client, assignment):
    client.force_login(assignment.user)
    start = TEXT.index("Paris")
    anchor = {"output": label_of(assignment, TEXT), "message": 0, "start": start, "end": start + 5}
    answer = send(client, assignment, kind="help", text=" Is this the city? ", anchor=anchor)
    assert answer.status_code == 200
    report = ItemReport.objects.get()
    assert (report.text, report.quote) == ("Is this the city?", "Paris")
    assert report.output.messages[0]["text"] == TEXT


def test_a_report_leaves_the_item_in_work_and_tells_those_who_lead_and_nobody_else(assignment, lead):
    report_item(assignment=assignment, kind="flag", text="The prompt is cut off.")
    assignment.refresh_from_db()
    assert assignment.status == Assignment.Status.LEASED
    told = Notification.objects.filter(kind="item.flagged")
    assert [notice.user for notice in told] == [lead]
    assert told[0].url == reverse("annotations:report-list", args=["lab", assignment.campaign_id])


def test_the_same_report_sent_twice_is_one_until_it_is_settled(assignment, lead):
    first = report_item(assignment=assignment, kind="flag", text="Cut off.")
    assert report_item(assignment=assignment, kind="flag", text="Cut off.") == first
    assert Notification.objects.filter(kind="item.flagged").count() == 1
    resolve_report(report=first, actor=lead)
    assert report_item(assignment=assignment, kind="flag", text="Cut off.") != first


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "flag", "text": "  "}, "text"),
        ({"kind": "praise", "text": "Good"}, "kind"),
        ({"kind": "help", "text": "?", "anchor": {"output": "Z", "message": 0, "start": 0, "end": 1}}, "anchor"),
        ({"kind": "help", "text": "?", "anchor": {"output": "A", "message": 1, "start": 0, "end": 1}}, "anchor"),
        ({"kind": "help", "text": "?", "anchor": {"output": "A", "message": 0, "start": 0, "end": 999}}, "anchor"),
        ({"kind": "help", "text": "?", "anchor": {"output": "A", "message": 0, "start": 3, "end": 3}}, "anchor"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_field(client, assignment, body, field):
    client.force_login(assignment.user)
    answer = send(client, assignment, **body)
    assert answer.status_code == 400
    assert field in answer.json()["fields"]
    assert not ItemReport.objects.exists()


def test_a_script_cannot_fill_the_list(assignment):
    for number in range(MOST_OPEN):
        report_item(assignment=assignment, kind="help", text=f"Question {number}?")
    with pytest.raises(AppError, match="wait for an answer"):
        report_item(assignment=assignment, kind="help", text="One more?")


def test_a_reply_reaches_the_person_on_the_item_and_by_notification(client, assignment, lead):
    report = report_item(assignment=assignment, kind="help", text="Which Paris?")
    client.force_login(lead)
    url = reverse("annotations:report-resolve", args=["lab", assignment.campaign_id, report.pk])
    client.post(url, {"reply": "The one in <b>Texas</b>."})
    report.refresh_from_db()
    assert (report.reply, report.resolved_by) == ("The one in <b>Texas</b>.", lead)
    notice = Notification.objects.get(kind="report.answered")
    assert notice.user == assignment.user
    client.force_login(assignment.user)
    page = client.get(notice.url).content.decode()
    assert "The one in &lt;b&gt;Texas&lt;/b&gt;." in page


def test_a_report_is_settled_once(assignment, lead):
    report = report_item(assignment=assignment, kind="flag", text="Cut off.")
    resolve_report(report=report, actor=lead, reply="Mended.")
    with pytest.raises(AppError, match="settled this already"), transaction.atomic():
        resolve_report(report=report, actor=lead, reply="Not so.")
    report.refresh_from_db()
    assert report.reply == "Mended."


def test_the_list_shows_open_ones_apart_from_settled_ones(client, assignment, lead):
    settled = report_item(assignment=assignment, kind="flag", text="Settled before.")
    resolve_report(report=settled, actor=lead)
    report_item(assignment=assignment, kind="help", text="Still open.")
    client.force_login(lead)
    url = reverse("annotations:report-list", args=["lab", assignment.campaign_id])
    opened, done = (client.get(f"{url}?state={state}").content.decode() for state in ("open", "settled"))
    assert ("Still open." in opened, "Settled before." in opened) == (True, False)
    assert ("Still open." in done, "Settled before." in done) == (False, True)
    assert client.get(f"{url}?state=odd").status_code == 400


def test_the_list_takes_as_many_queries_for_many_reports_as_for_one(
    client, assignment, lead, django_assert_max_num_queries
):
    client.force_login(lead)
    url = reverse("annotations:report-list", args=["lab", assignment.campaign_id])
    anchor = {"output": "A", "message": 0, "start": 0, "end": 2}
    for number in range(12):
        report_item(assignment=assignment, kind="help", text=f"Question {number}?", anchor=anchor)
    client.get(url)
    # Session, user, project with role, campaign, the page and its count, and what the frame shows.
    with django_assert_max_num_queries(9) as counted:
        client.get(url)
    assert len(counted) >= 4


def test_a_viewer_reads_reports_and_settles_none(client, assignment):
    report = report_item(assignment=assignment, kind="flag", text="Cut off.")
    viewer = assignment.project.memberships.get(role="viewer").user
    client.force_login(viewer)
    page = client.get(reverse("annotations:report-list", args=["lab", assignment.campaign_id]))
    assert "Cut off." in page.content.decode()
    url = reverse("annotations:report-resolve", args=["lab", assignment.campaign_id, report.pk])
    assert client.post(url, {"reply": "No."}).status_code == 403
    assert b"Settle</button>" not in page.content


def test_leads_list_and_settle_reports_over_the_api(client, assignment, lead, django_assert_max_num_queries):
    start = TEXT.index("Paris")
    said = {"output": label_of(assignment, TEXT), "message": 0, "start": start, "end": start + 5}
    report_item(assignment=assignment, kind="help", text="Which?", anchor=said)
    client.force_login(lead)
    url = reverse("annotations-api:report-list", args=["lab", assignment.campaign_id])
    with django_assert_max_num_queries(6):
        [row] = client.get(url).json()["results"]
    assert (row["quote"], row["person"]["username"], row["position"]) == ("Paris", "ann", assignment.item.position)
    settle = f"{url}/{row['id']}/settle"
    settled = client.post(settle, {"reply": "The first."}, content_type="application/json").json()
    assert (settled["reply"], settled["resolved_by"]["username"]) == ("The first.", "olga")
    again = client.post(settle, {}, content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "report_resolved")
    assert client.get(url).json()["results"] == []
    assert len(client.get(url, {"state": "settled"}).json()["results"]) == 1
    assert client.get(url, {"state": "old"}).json()["code"] == "filter_invalid"
