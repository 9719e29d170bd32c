"""Signing in and out, and what people say about themselves."""

from datetime import UTC, datetime

import pytest
from pytest_django.asserts import assertContains, assertRedirects

from projects.models import AuditEvent, User

PROFILE = {
    "display_name": "Ada",
    "time_zone": "Europe/Berlin",
    "theme": "dark",
    "shortcuts_enabled": "on",
}


def test_signing_in_leads_to_where_one_was_going(cast, client):
    response = client.post(
        "/sign-in/?next=/p/quill/", {"login": "owner", "password": "a-long-passphrase", "next": "/p/quill/"}
    )
    assertRedirects(response, "/p/quill/")


def test_signing_in_never_leads_to_another_site(cast, client):
    data = {"login": "owner", "password": "a-long-passphrase", "next": "https://evil.example/"}
    assert client.post("/sign-in/", data).url == "/"


def test_a_wrong_password_is_told_beside_the_form(cast, client):
    response = client.post("/sign-in/", {"login": "owner", "password": "wrong"})
    assertContains(response, 'class="errorlist nonfield"')


def test_signing_out_needs_a_post(cast, browse):
    client = browse(cast.owner)
    assert client.get("/sign-out/").status_code == 405
    assertRedirects(client.post("/sign-out/"), "/sign-in/")
    assert client.get("/").status_code == 302


def test_the_profile_is_saved(cast, browse):
    assertRedirects(browse(cast.owner).post("/profile/", PROFILE), "/profile/")
    user = User.objects.get(username="owner")
    assert (user.display_name, user.time_zone, user.theme, user.shortcuts_enabled) == (
        "Ada",
        "Europe/Berlin",
        "dark",
        True,
    )


@pytest.mark.parametrize("change", [{"time_zone": "Mars/Olympus"}, {"theme": "pink"}])
def test_a_profile_with_a_value_that_is_not_offered_is_refused(cast, browse, change):
    assert browse(cast.owner).post("/profile/", {**PROFILE, **change}).status_code == 200
    assert User.objects.get(username="owner").theme == "system"


def test_the_theme_stands_in_the_page_from_its_first_byte(cast, browse):
    client = browse(cast.owner)
    assertContains(client.get("/"), '<html lang="en-gb" data-theme="system">')
    assert client.post("/profile/theme/", {"theme": "dark"}, headers={"HX-Request": "true"}).status_code == 204
    assertContains(client.get("/"), '<html lang="en-gb" data-theme="dark">')


def test_choosing_a_theme_without_scripts_comes_back_to_a_page(cast, browse):
    client = browse(cast.owner)
    assertRedirects(client.post("/profile/theme/", {"theme": "light"}), "/")
    evil = {"Referer": "https://evil.example/"}
    assertRedirects(client.post("/profile/theme/", {"theme": "light"}, headers=evil), "/")


def test_a_theme_that_does_not_exist_is_refused(cast, browse):
    assert browse(cast.owner).post("/profile/theme/", {"theme": "pink"}).status_code == 400


def test_times_are_shown_in_ones_own_zone(cast, browse):
    event = AuditEvent.objects.create(project=cast.project, verb="run.started")
    AuditEvent.objects.filter(pk=event.pk).update(created_at=datetime(2026, 7, 1, 22, 30, tzinfo=UTC))
    client = browse(cast.owner)
    assertContains(client.get("/p/quill/audit/"), "1 Jul 2026, 22:30:00")
    # Tokyo is nine hours ahead, without summer time.
    User.objects.filter(username="owner").update(time_zone="Asia/Tokyo")
    assertContains(client.get("/p/quill/audit/"), "2 Jul 2026, 07:30:00")


def test_a_zone_that_this_machine_does_not_know_falls_back_to_utc(cast, browse):
    User.objects.filter(username="owner").update(time_zone="Mars/Olympus")
    assert browse(cast.owner).get("/").status_code == 200


def test_the_password_can_be_changed(cast, browse):
    client = browse(cast.owner)
    data = {"oldpassword": "a-long-passphrase", "password1": "feather-ink-9", "password2": "feather-ink-9"}
    assertRedirects(client.post("/profile/password/", data), "/profile/")
    assert User.objects.get(username="owner").check_password("feather-ink-9")
