"""Notifications under the bell and by letter."""

from smtplib import SMTPConnectError, SMTPDataError, SMTPRecipientsRefused, SMTPServerDisconnected

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from annotations.actions.campaign import open_campaign, pause_campaign
from projects.actions.member import add_member, change_role
from projects.actions.notification import MAIL_FOR, mail_due_notices, mark_read, notify
from projects.models import Membership, Notification, User
from projects.notices import NOTICES, line_of
from tests.annotations.campaigns import make_campaign


def tell(user, **changes):
    fields = {"users": [user], "kind": "run.finished", "project": None, "url": "/p/quill/"}
    return notify(**{**fields, "data": {"name": "First", "scored": 3, "failed": 1}, **changes})


def unread(user):
    return User.objects.get(pk=user.pk).unread_count


def test_the_bell_counts_without_a_query(cast, browse, django_assert_num_queries):
    client = browse(cast.owner)
    # session, user, projects, projects to be deleted
    with django_assert_num_queries(4):
        assertNotContains(client.get("/"), "bell-count")
    tell(cast.owner)
    with django_assert_num_queries(4):
        assertContains(client.get("/"), '<span class="bell-count" aria-hidden="true">1</span>', html=True)


def test_opening_one_takes_it_as_read_and_goes_there(cast, browse):
    tell(cast.owner)
    tell(cast.owner)
    client, notice = browse(cast.owner), Notification.objects.first()
    assertRedirects(client.post(f"/notifications/{notice.pk}/open/"), "/p/quill/")
    assert unread(cast.owner) == 1
    client.post(f"/notifications/{notice.pk}/open/")
    assert unread(cast.owner) == 1
    client.post("/notifications/read/")
    assert unread(cast.owner) == 0


def test_those_of_another_person_are_neither_shown_nor_opened(cast, browse):
    tell(cast.owner)
    client = browse(cast.stranger)
    assert client.post(f"/notifications/{Notification.objects.get().pk}/open/").status_code == 404
    assertNotContains(client.get("/notifications/"), "First")
    assert unread(cast.owner) == 1


def test_the_panel_is_a_part_of_the_page(cast, browse):
    tell(cast.owner)
    response = browse(cast.owner).get("/notifications/?panel=1", headers={"HX-Request": "true"})
    assertContains(response, "The run “First” in  has finished: 3 scored, 1 failed.")
    assertNotContains(response, "<html")


@pytest.mark.parametrize("count", [1, 5])
def test_the_list_costs_the_same_for_any_number(cast, browse, django_assert_num_queries, count):
    for _ in range(count):
        tell(cast.owner, project=cast.project)
    client = browse(cast.owner)
    # session, user, notifications with projects
    with django_assert_num_queries(3):
        client.get("/notifications/")


def test_what_a_notification_says_is_text(cast, browse):
    tell(cast.owner, data={"name": "<img src=x>", "scored": 1, "failed": 0})
    assertNotContains(browse(cast.owner).get("/notifications/"), "<img src=x>")


@pytest.mark.parametrize("kind", NOTICES)
def test_a_notification_that_another_version_wrote_still_has_a_line(cast, kind):
    assert line_of(Notification(kind=kind, data={}))
    assert line_of(Notification(kind="something.new", data={})) == "something.new"


def test_whoever_is_added_or_given_another_role_is_told_and_whoever_does_it_is_not(cast):
    membership = add_member(project=cast.project, actor=cast.owner, identifier="stranger", role="viewer")
    change_role(membership=membership, actor=cast.owner, role="manager")
    assert [line_of(row) for row in cast.stranger.notifications.order_by("pk")] == [
        "You are now viewer of Quill.",
        "You are now manager of Quill.",
    ]
    assert unread(cast.owner) == 0


# By letter


def test_a_letter_goes_to_whoever_asked_for_that_kind_once(cast):
    User.objects.filter(pk=cast.owner.pk).update(mailed_notices=["run.finished"])
    tell(User.objects.get(pk=cast.owner.pk), project=cast.project)
    tell(cast.viewer, project=cast.project)
    assert mail_due_notices(address="https://rubricate.example") == 1
    assert mail_due_notices(address="https://rubricate.example") == 0
    (letter,) = mail.outbox
    assert letter.to == ["owner@example.org"]
    assert letter.subject == "The run “First” in Quill has finished: 3 scored, 1 failed."
    assert "https://rubricate.example/p/quill/" in letter.body


@pytest.fixture
def three_letters(cast, monkeypatch):
    """Three letters that wait, and what the mail server says to them in turn: an error, or None for a letter sent."""
    User.objects.filter(pk=cast.owner.pk).update(mailed_notices=["run.finished"])
    monkeypatch.setattr("projects.tasks.mail_notices.delay", lambda: None)
    for name in ("First", "Second", "Third"):
        tell(User.objects.get(pk=cast.owner.pk), data={"name": name, "scored": 3, "failed": 1})
    replies, sent = [], []

    def reply(subject, *_args, **_kwargs):
        error = replies.pop(0)
        if error is not None:
            raise error
        sent.append(subject.split("“")[1].split("”")[0])
        return 1

    monkeypatch.setattr("projects.mail.send_mail", reply)
    return replies, sent


def test_a_mail_server_that_is_away_delays_letters_and_costs_none(cast, three_letters):
    replies, sent = three_letters
    for away in (ConnectionRefusedError(), TimeoutError(), SMTPServerDisconnected(), SMTPConnectError(421, b"Busy")):
        # One attempt a round: the other letters would wait for the same server.
        replies[:] = [away]
        assert mail_due_notices(address="") == 0
        assert (replies, Notification.objects.filter(mail_due=True).count()) == ([], 3)
    replies[:] = [None, None, None]
    assert (mail_due_notices(address=""), sent) == (3, ["First", "Second", "Third"])
    assert mail_due_notices(address="") == 0
    assert unread(cast.owner) == 3


def test_a_letter_that_is_put_off_waits_alone_and_one_that_is_refused_for_good_is_not_sent_again(three_letters):
    replies, sent = three_letters
    # RFC 5321: 450 asks for another try, 550 for none.
    replies[:] = [SMTPRecipientsRefused({"x": (450, b"Later")}), SMTPRecipientsRefused({"x": (550, b"No")}), None]
    assert (mail_due_notices(address=""), sent) == (1, ["Third"])
    replies[:] = [SMTPDataError(554, b"No")]
    assert mail_due_notices(address="") == 0
    assert not Notification.objects.filter(mail_due=True).exists()


def test_a_letter_is_tried_for_a_day_and_its_notification_stays(cast, three_letters, caplog):
    replies, sent = three_letters
    old = Notification.objects.order_by("pk")[:2]
    Notification.objects.filter(pk__in=old).update(created_at=timezone.now() - MAIL_FOR)
    replies[:] = [None]
    assert (mail_due_notices(address=""), sent) == (1, ["Third"])
    assert "2 letters could not be sent within 1 day" in caplog.text
    assert unread(cast.owner) == 3


def test_people_choose_what_is_mailed(cast, browse):
    client = browse(cast.owner)
    assertRedirects(client.post("/profile/notices/", {"kinds": ["run.finished"]}), "/profile/notices/")
    assert User.objects.get(pk=cast.owner.pk).mailed_notices == ["run.finished"]
    client.post("/profile/notices/", {})
    assert User.objects.get(pk=cast.owner.pk).mailed_notices == []
    assert client.post("/profile/notices/", {"kinds": ["nonsense"]}).status_code == 200


def test_nothing_is_mailed_to_an_account_without_an_address(cast):
    User.objects.filter(pk=cast.owner.pk).update(mailed_notices=["run.finished"], email="")
    tell(User.objects.get(pk=cast.owner.pk))
    assert not Notification.objects.filter(mail_due=True).exists()


def test_marking_again_what_was_read_counts_nothing(cast):
    tell(cast.owner)
    assert [mark_read(user=cast.owner), mark_read(user=cast.owner)] == [1, 0]


# What others do that is told


def test_annotators_are_told_when_a_campaign_opens_the_first_time(cast):
    campaign = make_campaign(cast.project, actor=cast.owner, is_open=False)
    for change in (open_campaign, pause_campaign, open_campaign):
        change(campaign=campaign, actor=cast.owner)
        campaign.refresh_from_db()
    (notice,) = cast.annotator.notifications.all()
    assert (notice.kind, notice.url) == ("campaign.opened", f"/p/quill/campaigns/{campaign.pk}/start/")
    assert not Notification.objects.exclude(user=cast.annotator).exists()


def test_a_removed_member_is_told_of_no_campaign(cast):
    campaign = make_campaign(cast.project, actor=cast.owner, is_open=False)
    Membership.objects.filter(user=cast.annotator).delete()
    open_campaign(campaign=campaign, actor=cast.owner)
    assert not Notification.objects.exists()
