"""People who leave: what is asked before, what is left of them, and whose judgments go."""

import uuid

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.db import IntegrityError, connection, transaction
from django.test import Client
from pytest_django.asserts import assertContains

from annotations.access import assignment_for
from annotations.actions.lease import lease_next_item
from annotations.actions.submission import submit_answer
from annotations.models import Assignment, Draft, Study
from projects.actions import departures, pieces
from projects.actions.annotator_link import issue_annotator_link, join_by_link
from projects.actions.departures import finish_due_departures
from projects.actions.invitation import invite
from projects.actions.leaving import erase_person, farewell_of
from projects.actions.member import change_role
from projects.actions.saved_filter import save_filter
from projects.erasing import erasing
from projects.errors import AppError
from projects.models import AuditEvent, Departure, Erasure, Fate, Notification, Project, User
from rewards.actions.rater import ensure_person_rater
from rewards.models import Comparison, Judgment, Rater, Rating, SpanMark
from tests.annotations.campaigns import full_answer, make_campaign
from tests.factories import make_judgment, make_user


@pytest.fixture
def worked(cast):
    """The annotator and one more have answered an item each of a campaign of two; the annotator has the other open."""
    other = make_user("ben")
    cast.project.memberships.create(user=other, role="annotator")
    campaign = make_campaign(cast.project, cast.owner, items=2, overlap=2)
    for person in (cast.annotator, other):
        submit(campaign, person)
    lease_next_item(campaign=campaign, user=cast.annotator)
    cast.ben, cast.campaign = other, campaign
    return cast


def signed_in(name):
    """A browser in which somebody has just given the password once more."""
    client = Client()
    client.post("/sign-in/", {"login": name, "password": "a-long-passphrase"})
    client.post("/confirm/password/", {"password": "a-long-passphrase"})
    return client


def submit(campaign, person):
    leased = lease_next_item(campaign=campaign, user=person)
    assignment = assignment_for(person, leased.pk)
    submit_answer(assignment=assignment, key=str(uuid.uuid4()), answer=full_answer(assignment))


def leave(person, by=None):
    """Go, and have the worker erase what is left; the pseudonym."""
    pseudonym = erase_person(user=person, actor=by or person)
    finish_due_departures()
    return pseudonym


def purging(project):
    Project.objects.filter(pk=project.pk).update(fate_of_judgments=Fate.PURGE)


def counted(campaign):
    campaign.refresh_from_db()
    items = campaign.items.order_by("pk").values_list("granted_count", "submitted_count")
    return campaign.submitted_count, list(items)


def test_what_will_happen_is_listed_project_by_project_with_counts(worked):
    purging(worked.project)
    [parting] = farewell_of(worked.annotator).partings
    # Two ratings, a preference, and spans on each of both outputs: 5 judgments of one submit.
    assert (parting.role, parting.fate) == ("annotator", Fate.PURGE)
    assert parting.counts == {"judgments": 5, "submissions": 1, "drafts": 0, "reports": 0, "consents": 0}


def test_judgments_are_kept_under_the_raters_pseudonym(worked):
    before = Judgment.objects.count()
    pseudonym = leave(worked.annotator)
    assert Judgment.objects.count() == before
    rater = Rater.objects.get(user=worked.annotator)
    assert (rater.name, str(rater.user)) == (rater.pseudonym, pseudonym)
    assert worked.project.erasures.totals() == {"judgments_pseudonymised": 5}
    # The lease went back to the others, the submit counts as before.
    assert counted(worked.campaign) == (2, [(1, 1), (1, 1)])


def test_judgments_are_purged_with_all_that_hangs_on_them_and_nobody_elses(worked):
    purging(worked.project)
    mine = Judgment.objects.filter(rater__user=worked.annotator)
    mark = SpanMark.objects.filter(judgment__in=mine).first()
    theirs = make_judgment(Rater.objects.get(user=worked.ben), "spans", mark.judgment.task, mark.output)
    fields = {
        name: getattr(mark, name) for name in ("output", "message", "start", "end", "text_sha256", "quote", "type")
    }
    answered = SpanMark.objects.create(judgment=theirs, origin=mark, **fields)
    leave(worked.annotator)
    assert not mine.exists()
    assert not Comparison.objects.exclude(judgment__rater__user=worked.ben).exists()
    assert Rating.objects.filter(judgment__rater__user=worked.ben).count() == 2
    answered.refresh_from_db()
    assert answered.origin is None
    assert not Assignment.objects.filter(user=worked.annotator).exists()
    # The item has room for somebody else again; the other one was given back.
    assert counted(worked.campaign) == (1, [(0, 0), (1, 1)])
    worked.project.refresh_from_db()
    assert worked.project.judgment_count == 5
    totals = worked.project.erasures.totals()
    assert (totals["judgments_purged"], totals["submissions_purged"]) == (5, 1)


def test_who_leaves_is_unknown_and_out_before_the_first_piece_of_their_work_goes(worked, browse):
    purging(worked.project)
    client = browse(worked.annotator)
    pseudonym = erase_person(user=worked.annotator, actor=worked.annotator)
    assert Judgment.objects.filter(rater__user=worked.annotator).count() == 5
    assert client.get("/").status_code == 302
    assert tables_with("annotator@example.org") == []
    assert Rater.objects.get(user=worked.annotator).label != "annotator"
    assert [str(row.user) for row in worked.project.memberships.all()].count("annotator") == 0
    assert finish_due_departures() == 1
    assert not Judgment.objects.filter(rater__user=worked.annotator).exists()
    assert (finish_due_departures(), Departure.objects.get().user.username) == (0, pseudonym)


def test_a_departure_that_is_cut_off_goes_on_and_counts_every_row_once(worked, monkeypatch):
    purging(worked.project)
    monkeypatch.setattr(pieces, "PIECE_ROWS", 2)
    erase_person(user=worked.annotator, actor=worked.annotator)
    # A policy that changes now is that of others: this person read the one before.
    Project.objects.update(fate_of_judgments=Fate.PSEUDONYM)
    seen = []

    def broken(**event):
        seen.append(record(**event))
        if len(seen) == 3:
            raise OSError("killed")

    record = departures.record_event
    monkeypatch.setattr(departures, "record_event", broken)
    with pytest.raises(OSError, match="killed"):
        finish_due_departures()
    monkeypatch.setattr(departures, "record_event", record)
    assert 0 < Judgment.objects.filter(rater__user=worked.annotator).count() < 5
    assert finish_due_departures() == 1
    totals = worked.project.erasures.totals()
    assert (totals["judgments_purged"], totals["submissions_purged"]) == (5, 1)
    assert counted(worked.campaign) == (1, [(0, 0), (1, 1)])
    worked.project.refresh_from_db()
    assert worked.project.judgment_count == 5
    # The submit of one piece; of judgments three pieces by two.
    events = AuditEvent.objects.filter(verb="member.work_erased").order_by("pk")
    assert [event.data.get("judgments_purged") for event in events] == [None, 2, 2, 1]


def test_answers_to_checks_are_counted_out_of_the_checks(worked):
    purging(worked.project)
    item = worked.campaign.items.get(assignments__user=worked.annotator, assignments__status="submitted")
    type(item).objects.filter(pk=item.pk).update(kind="gold")
    type(worked.campaign).objects.update(submitted_count=1, checked_count=1)
    leave(worked.annotator)
    worked.campaign.refresh_from_db()
    assert (worked.campaign.submitted_count, worked.campaign.checked_count) == (1, 0)


def test_letters_tell_who_leaves_that_it_was_asked_and_that_it_is_done(
    worked, mailoutbox, django_capture_on_commit_callbacks
):
    purging(worked.project)
    operator = make_user("root", is_superuser=True)
    with django_capture_on_commit_callbacks(execute=True):
        erase_person(user=worked.annotator, actor=operator)
    told = [(letter.to, letter.subject) for letter in mailoutbox]
    # The worker of the tests is asked on commit as well, and done when the block ends.
    assert told[:2] == [
        (["annotator@example.org"], "Your account on Rubricate is deleted"),
        (["root@example.org"], "You deleted an account on Rubricate"),
    ]
    assert "Another letter follows" in mailoutbox[0].body
    assert "The operator of the server did this" in mailoutbox[0].body
    with django_capture_on_commit_callbacks(execute=True):
        finish_due_departures()
    assert [(letter.to, letter.subject) for letter in mailoutbox[2:]] == [
        (["annotator@example.org"], "Your account on Rubricate is erased"),
        (["root@example.org"], "An account on Rubricate is erased"),
    ]
    assert Departure.objects.get().letter_to == ""


def test_a_server_that_keeps_no_secret_keeps_no_address_and_promises_no_second_letter(
    worked, mailoutbox, django_capture_on_commit_callbacks, settings
):
    purging(worked.project)
    settings.ENCRYPTION_KEYS = []
    with django_capture_on_commit_callbacks(execute=True):
        leave(worked.annotator)
    [letter] = mailoutbox
    assert "Another letter follows" not in letter.body


def test_whoever_left_nothing_behind_gets_one_letter(cast, mailoutbox, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        erase_person(user=cast.viewer, actor=cast.viewer)
    assert [letter.subject for letter in mailoutbox] == ["Your account on Rubricate is erased"]
    assert not Departure.objects.exists()


def test_a_purged_raters_pseudonym_is_never_given_to_anybody_else(worked):
    purging(worked.project)
    mine = Rater.objects.get(user=worked.ben).pseudonym
    leave(worked.ben)
    assert ensure_person_rater(project=worked.project, user=worked.manager).pseudonym != mine


def test_nothing_is_left_by_which_the_person_is_known_or_could_come_in(worked, make_token):
    user = worked.annotator
    user.display_name = "Ada Lovelace"
    user.save()
    client = Client()
    client.force_login(user)
    make_token(user)
    EmailAddress.objects.create(user=user, email=user.email, verified=True)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={})
    save_filter(project=worked.project, user=worked.manager, of_list="tasks", name="mine", query="split=x")
    Draft.objects.create(assignment=Assignment.objects.filter(user=user)[0], answer={}, saved_at=user.date_joined)
    link = issue_annotator_link(project=worked.other, actor=worked.stranger, label="x", days=1, most_people=2)
    join_by_link(user=user, secret=link.secret)
    invite(project=worked.other, actor=worked.stranger, email="annotator@example.org", role="viewer")
    change_role(membership=worked.project.memberships.get(user=user), actor=worked.owner, role="viewer")
    rater = Rater.objects.get(user=user)
    people = [{"rater": rater.pk, "name": "Ada Lovelace"}]
    Study.objects.create(project=worked.project, kind="quality", result={"people": people})
    pseudonym = leave(user)
    assert client.get("/profile/").status_code == 302
    assert not Session.objects.exists()
    row = User.objects.get(pk=user.pk)
    assert (row.username, row.email, row.is_active, row.has_usable_password()) == (pseudonym, "", False, False)
    assert not row.api_tokens.exists()
    assert not row.memberships.exists()
    assert not row.notifications.exists()
    assert not Draft.objects.exists()
    assert not EmailAddress.objects.filter(user=user).exists()
    assert not Authenticator.objects.exists()
    assert worked.manager.saved_filters.exists()
    # Every text column of every table: whatever is added later is searched as well.
    assert tables_with("Ada Lovelace") == []
    assert tables_with("annotator@example.org") == []
    told = Notification.objects.get(kind="member.joined")
    assert told.data["user"] == pseudonym
    logged = AuditEvent.objects.filter(verb="member.role_changed").get()
    assert (logged.data["user"], logged.data["role"], logged.data["was"]) == (pseudonym, "viewer", "annotator")


def tables_with(text):
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT EXISTS (SELECT 1 FROM "{table}" AS t WHERE t::text LIKE %s)', [f"%{text}%"])
            found += [table] * cursor.fetchone()[0]
    return found


def test_a_sole_owner_hands_over_first(cast):
    with pytest.raises(AppError) as refused:
        erase_person(user=cast.owner, actor=cast.owner)
    assert refused.value.code == "last_owner"
    assert "Quill" in refused.value.message
    change_role(membership=cast.project.memberships.get(user=cast.manager), actor=cast.owner, role="owner")
    erase_person(user=cast.owner, actor=cast.owner)
    assert not farewell_of(cast.manager).is_possible


def test_an_owner_who_is_gone_does_not_count_as_another_owner(cast):
    change_role(membership=cast.project.memberships.get(user=cast.manager), actor=cast.owner, role="owner")
    User.objects.filter(pk=cast.manager.pk).update(is_active=False)
    assert farewell_of(cast.owner).sole_owner_of == [cast.project]


def test_the_last_operator_stays(cast):
    User.objects.filter(pk=cast.viewer.pk).update(is_superuser=True)
    cast.viewer.refresh_from_db()
    with pytest.raises(AppError, match="last operator"):
        erase_person(user=cast.viewer, actor=cast.viewer)


def test_a_policy_that_changed_after_it_was_read_is_asked_about_again(worked):
    agreed = {worked.project.pk: "pseudonym"}
    purging(worked.project)
    with pytest.raises(AppError) as refused:
        erase_person(user=worked.annotator, actor=worked.annotator, agreed=agreed)
    assert refused.value.code == "fate_changed"
    assert User.objects.get(pk=worked.annotator.pk).left_at is None


@pytest.mark.parametrize("statement", ["DELETE FROM rewards_judgment", "DELETE FROM rewards_rating"])
def test_without_the_door_postgresql_refuses_to_delete_a_judgment(worked, statement):
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_through_the_door_an_answer_still_cannot_be_changed(worked):
    with pytest.raises(IntegrityError, match="append-only"), erasing():
        Rating.objects.update(value=1)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Rating.objects.all().delete()


def test_a_person_deletes_the_account_after_reading_what_happens(worked):
    client = signed_in("annotator")
    page = client.get("/profile/delete/")
    assertContains(page, "Quill")
    assertContains(page, "5 judgments")
    refused = client.post("/profile/delete/", {"typed": "somebody", "fates": page.context["fates"]})
    assertContains(refused, "Type annotator")
    gone = client.post("/profile/delete/", {"typed": "annotator", "fates": page.context["fates"]})
    assert gone.status_code == 302
    assert client.get("/").status_code == 302
    assert User.objects.get(pk=worked.annotator.pk).left_at is not None


def test_the_account_is_not_deleted_from_a_session_that_was_left_open(cast, browse):
    response = browse(cast.viewer).get("/profile/delete/")
    assert response.status_code == 302
    assert "/confirm/password/" in response.url


def test_the_operator_deletes_somebody_and_nobody_else_can(worked, browse):
    address = f"/server/people/{worked.annotator.pk}/delete/"
    assert browse(worked.owner).get(address).status_code == 404
    operator = make_user("root", is_superuser=True)
    client = signed_in("root")
    page = client.get(address)
    done = client.post(address, {"typed": "annotator", "fates": page.context["fates"]})
    assert done.status_code == 302
    event = AuditEvent.objects.get(verb="user.erased")
    assert event.actor == operator
    assert Erasure.objects.count() == 1
