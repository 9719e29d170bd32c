"""Signing in under limits, passwords by letter, second factors, and making accounts."""

import re
import urllib.parse

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core import mail, signing
from django.core.cache import cache
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from projects.access import allows, projects_for
from projects.actions.site_policy import change_site_policy
from projects.models import AuditEvent, SignUp, SitePolicy, User
from tests.factories import make_user

PASSWORD = "a-long-passphrase"
WRONG = {"login": "owner", "password": "wrong"}
CHOSEN = {"username": "nora", "display_name": "Nora", "password1": "feather-ink-9", "password2": "feather-ink-9"}


@pytest.fixture
def open_sign_up(db):
    SitePolicy.objects.create(pk=1, sign_up=SignUp.OPEN)


def link_in(letter, pattern):
    return re.search(r"http://testserver(/[^\s]*" + pattern + r"[^\s]*)", letter.body)[1]


def code_of(secret):
    """The code that an authenticator app shows now for `secret`."""
    counter = next(iter(yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value(secret, counter))


def with_factor(user):
    """Give `user` a second factor; returns its secret."""
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    TOTP.activate(user, secret)
    return secret


def sign_in(client, username="owner", password=PASSWORD, **data):
    return client.post("/sign-in/", {"login": username, "password": password, **data})


# Signing in


def test_the_e_mail_address_signs_in_as_well_as_the_name(cast, client):
    assertRedirects(sign_in(client, "owner@example.org"), "/", fetch_redirect_response=False)


def test_after_five_wrong_passwords_even_the_right_one_waits(cast, client):
    for _ in range(5):
        assertContains(client.post("/sign-in/", WRONG), "not correct")
    assertContains(sign_in(client), "Too many failed login attempts")
    assert client.get("/").status_code == 302


def test_the_limit_of_one_account_does_not_lock_another(cast, client):
    for _ in range(5):
        client.post("/sign-in/", WRONG)
    assertRedirects(sign_in(client, "manager"), "/", fetch_redirect_response=False)


def test_one_address_may_not_go_through_many_accounts(cast, client):
    """Ten failures a minute from one address, whatever the account."""
    for number in range(10):
        sign_in(client, f"guess-{number}", "wrong")
    assertContains(sign_in(client), "Too many failed login attempts")
    # From elsewhere the account is open.
    assertRedirects(sign_in(Client(REMOTE_ADDR="192.0.2.7")), "/", fetch_redirect_response=False)


def test_a_forged_header_gives_nobody_another_address(cast):
    for number in range(10):
        sign_in(Client(headers={"X-Forwarded-For": f"192.0.2.{number}"}), f"guess-{number}", "wrong")
    assertContains(sign_in(Client(headers={"X-Forwarded-For": "192.0.2.99"})), "Too many failed login attempts")


def test_a_wrong_password_and_an_unknown_name_read_the_same(cast, client):
    known = client.post("/sign-in/", WRONG).content.decode()
    unknown = sign_in(client, "nobody", "wrong").content.decode()
    assert _words(known).replace("owner", "nobody") == _words(unknown)


def _words(page):
    return re.sub(r'(csrf\w*|X-CSRFToken)"?[^>]*?value="[^"]*"|"X-CSRFToken": "[^"]*"', "", page)


def test_signing_in_and_failing_to_is_told_to_the_account_and_not_what_was_typed(cast, client):
    sign_in(client, "owner", "hunter2")
    sign_in(client)
    page = client.get("/profile/activity/")
    assertContains(page, "user.signed_in")
    assertContains(page, "user.sign_in_failed")
    assert "hunter2" not in str(list(AuditEvent.objects.values()))


def test_the_activity_of_others_is_not_shown(cast, client, browse):
    sign_in(client, "manager")
    assertNotContains(browse(cast.owner).get("/profile/activity/"), "user.signed_in")


def test_the_administration_asks_for_the_same_limits_and_factors(cast, client):
    response = client.get("/admin/login/?next=/admin/")
    assert response.url == "/sign-in/?next=%2Fadmin%2F"
    assert client.post("/admin/login/", {"username": "owner", "password": PASSWORD}).url.startswith("/sign-in/")


# Passwords


def test_a_forgotten_password_is_replaced_by_the_letters_link_once(cast, client):
    assertRedirects(client.post("/password/reset/", {"email": "owner@example.org"}), "/password/reset/sent/")
    path = link_in(mail.outbox[0], "password/reset/")
    path = client.get(path).url
    assertRedirects(
        client.post(path, {"password1": "feather-ink-9", "password2": "feather-ink-9"}), "/password/reset/done/"
    )
    assert User.objects.get(username="owner").check_password("feather-ink-9")
    assertContains(Client().get(link_in(mail.outbox[0], "password/reset/")), "was used or has run out")
    assert "password" in mail.outbox[1].subject.lower()


def test_asking_for_a_reset_tells_nobody_whether_there_is_an_account(cast, client):
    known = client.post("/password/reset/", {"email": "owner@example.org"}, follow=True)
    unknown = Client().post("/password/reset/", {"email": "nobody@example.org"}, follow=True)
    assert known.redirect_chain == unknown.redirect_chain
    assert _words(known.content.decode()) == _words(unknown.content.decode())
    # Both take a letter, so that the time tells nothing either.
    assert [letter.to for letter in mail.outbox] == [["owner@example.org"], ["nobody@example.org"]]


def test_nobody_floods_a_mailbox_with_resets(cast):
    answers = [Client().post("/password/reset/", {"email": "owner@example.org"}).status_code for _ in range(5)]
    assert answers == [302, 302, 302, 429, 429]
    assert len(mail.outbox) == 3


# Second factors


def confirmed(client):
    """`client`, signed in as the owner, who has just entered the password again."""
    sign_in(client)
    client.post("/confirm/password/", {"password": PASSWORD})
    return client


# What is told of it is told on commit.
@pytest.mark.django_db(transaction=True)
def test_a_second_factor_is_switched_on_after_the_password_was_confirmed(cast, client):
    sign_in(client)
    asked = "/confirm/password/?next=%2Fprofile%2Ftwo-factor%2Fapp%2F"
    assert client.get("/profile/two-factor/app/").url == asked
    assertRedirects(client.post(asked, {"password": PASSWORD}), "/profile/two-factor/app/")
    secret = client.get("/profile/two-factor/app/").context["form"].secret
    response = client.post("/profile/two-factor/app/", {"code": code_of(secret)})
    assertRedirects(response, "/profile/two-factor/codes/")
    assertContains(client.get("/profile/two-factor/codes/"), 'class="recovery-codes')
    assert AuditEvent.objects.filter(verb="second_factor.added", actor=cast.owner).count() == 2
    assert {tuple(letter.to) for letter in mail.outbox} == {("owner@example.org",)}
    assert secret not in str(list(Authenticator.objects.values()))


def test_a_wrong_code_switches_nothing_on(cast, client):
    secret = confirmed(client).get("/profile/two-factor/app/").context["form"].secret
    wrong = f"{(int(code_of(secret)) + 1) % 10**6:06}"
    assertContains(client.post("/profile/two-factor/app/", {"code": wrong}), "Incorrect code")
    assert not Authenticator.objects.exists()


def test_each_recovery_code_opens_once(cast, client):
    secret = confirmed(client).get("/profile/two-factor/app/").context["form"].secret
    client.post("/profile/two-factor/app/", {"code": code_of(secret)})
    code = re.search(r"<li>(\w+)</li>", client.get("/profile/two-factor/codes/").content.decode())[1]
    for elsewhere, status in ((Client(), 302), (Client(), 200)):
        sign_in(elsewhere)
        assert elsewhere.post("/sign-in/code/", {"code": code}).status_code == status


def test_the_password_alone_opens_nothing_where_there_is_a_second_factor(cast, client):
    secret = with_factor(cast.owner)
    assertRedirects(sign_in(client, next="/p/quill/"), "/sign-in/code/")
    assert client.get("/p/quill/").status_code == 302
    assertContains(client.post("/sign-in/code/", {"code": "000000"}), "Incorrect code")
    assertRedirects(
        client.post("/sign-in/code/", {"code": code_of(secret)}),
        "/p/quill/",
        fetch_redirect_response=False,
    )
    assert client.get("/p/quill/").status_code == 200


def test_a_code_works_once(cast):
    secret = with_factor(cast.owner)
    code = code_of(secret)
    for client, status in ((Client(), 302), (Client(), 200)):
        sign_in(client)
        assert client.post("/sign-in/code/", {"code": code}).status_code == status


def test_codes_cannot_be_guessed_one_after_the_other(cast, client):
    with_factor(cast.owner)
    sign_in(client)
    pages = [client.post("/sign-in/code/", {"code": f"{number:06}"}).content.decode() for number in range(6)]
    assert "Too many failed login attempts" in pages[-1]


def test_the_server_may_ask_owners_for_a_second_factor_and_gives_a_managers_rights_until_then(cast, browse):
    client = browse(cast.owner)
    assert client.get("/p/quill/settings/").status_code == 200
    change_site_policy(actor=cast.owner, sign_up="invitation", owners_need_two_factor=True)
    assert client.get("/p/quill/settings/").status_code == 403
    assertContains(client.get("/p/quill/"), "asks owners for a second factor")
    assert client.get("/p/quill/audit/").status_code == 200
    with_factor(cast.owner)
    assert client.get("/p/quill/settings/").status_code == 200
    assertNotContains(client.get("/p/quill/"), "asks owners for a second factor")


def test_a_token_of_an_owner_without_the_factor_has_no_more_rights_than_the_pages(cast, client, make_token):
    headers = {"Authorization": f"Bearer {make_token(cast.owner, 'read').secret}"}
    address = "/api/v1/projects/quill/invitations"
    assert client.get(address, headers=headers).status_code == 200
    SitePolicy.objects.create(pk=1, owners_need_two_factor=True)
    assert client.get(address, headers=headers).status_code == 403
    with_factor(cast.owner)
    assert client.get(address, headers=headers).status_code == 200


def test_the_policy_costs_no_query(cast, django_assert_num_queries):
    SitePolicy.objects.create(pk=1, owners_need_two_factor=True)
    with django_assert_num_queries(1):
        (project,) = projects_for(cast.owner)
    assert not allows(project, "own")
    assert allows(project, "manage")


# Making accounts


def test_sign_up_is_by_invitation_unless_the_operator_opens_it(client, db):
    assertContains(client.get("/sign-up/"), "by invitation")
    assert client.post("/sign-up/", {"email": "nora@example.org"}).status_code == 403
    assert mail.outbox == []


def test_open_sign_up_proves_the_address_before_there_is_an_account(client, open_sign_up):
    assertContains(client.post("/sign-up/", {"email": "nora@example.org"}), "nora@example.org")
    assert not User.objects.exists()
    path = link_in(mail.outbox[0], "sign-up/")
    assertRedirects(client.post(path, CHOSEN), "/")
    user = User.objects.get(username="nora")
    assert (user.email, user.check_password("feather-ink-9")) == ("nora@example.org", True)
    assert Client().get(path).status_code == 404


def test_signing_up_with_an_address_that_has_an_account_reads_the_same(client, open_sign_up):
    make_user("olga")
    known = client.post("/sign-up/", {"email": "Olga@example.org"}).content.decode()
    unknown = client.post("/sign-up/", {"email": "Nora@example.org"}).content.decode()
    assert _words(known).replace("Olga", "Nora") == _words(unknown)
    assert "sign in here" in mail.outbox[0].body
    assert "/sign-up/" not in mail.outbox[0].body


def test_a_sign_up_link_of_yesterday_or_of_somebodys_making_is_dead(client, open_sign_up):
    forged = signing.dumps("nora@example.org", salt="another purpose")
    assert client.get(f"/sign-up/{forged}/").status_code == 404
    client.post("/sign-up/", {"email": "nora@example.org"})
    path = link_in(mail.outbox[0], "sign-up/")
    assert client.get(path).status_code == 200
    SitePolicy.objects.update(sign_up=SignUp.CLOSED)
    assert client.get(path).status_code == 403


def test_nobody_floods_a_mailbox_with_sign_ups(client, open_sign_up):
    answers = [client.post("/sign-up/", {"email": "nora@example.org"}).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]
    cache.clear()
    assert client.post("/sign-up/", {"email": "nora@example.org"}).status_code == 200


def test_open_sign_up_needs_letters(cast, browse, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    User.objects.filter(pk=cast.owner.pk).update(is_superuser=True)
    response = browse(cast.owner).post("/server/", {"sign_up": "open"})
    assertContains(response, "set EMAIL_HOST first")
    assert SitePolicy.current().sign_up == "invitation"


def test_the_operators_decisions_are_kept_and_noted(cast, browse):
    User.objects.filter(pk=cast.owner.pk).update(is_superuser=True)
    client = browse(cast.owner)
    assertRedirects(client.post("/server/", {"sign_up": "closed", "owners_need_two_factor": "on"}), "/server/")
    policy = SitePolicy.current()
    assert (policy.sign_up, policy.owners_need_two_factor, policy.changed_by) == ("closed", True, cast.owner)
    assertContains(client.get("/server/"), "site_policy.changed")


def test_there_is_one_policy_only(db):
    from django.db import IntegrityError

    with pytest.raises(IntegrityError):
        SitePolicy.objects.create(pk=2)


# Addresses


def test_another_address_holds_once_its_letter_was_answered(cast, browse):
    client = browse(cast.owner)
    client.post("/profile/e-mail/", {"email": "new@example.org"})
    assert User.objects.get(username="owner").email == "owner@example.org"
    path = urllib.parse.unquote(link_in(mail.outbox[0], "profile/e-mail/"))
    # A mail program that looks at links changes nothing.
    assert client.get(path).status_code == 200
    assert User.objects.get(username="owner").email == "owner@example.org"
    assertRedirects(client.post(path), "/profile/")
    assert User.objects.get(username="owner").email == "new@example.org"
    assert mail.outbox[1].to == ["owner@example.org"]
    assert client.post(path).status_code == 404


def test_the_link_to_an_address_is_of_no_use_to_another_account(cast, browse):
    browse(cast.owner).post("/profile/e-mail/", {"email": "new@example.org"})
    path = link_in(mail.outbox[0], "profile/e-mail/")
    assert browse(cast.viewer).post(path).status_code == 404
    assert User.objects.get(username="viewer").email == "viewer@example.org"
