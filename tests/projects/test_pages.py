"""Who may open which page. Every address of the app stands in one of these tables."""

import pytest
from django.urls import reverse

from projects import urls

PUBLIC = {"sign-out", "invitation-accept", "annotator-link-accept", "language-set", "script-texts"}
OF_A_PERSON = {
    "project-list",
    "project-switcher",
    "project-create",
    "profile",
    "theme-set",
    "password-change",
    "token-list",
    "token-revoke",
    "key-map",
    "mailed-notices",
    "activity",
    "email-change",
    "email-confirm",
    "notification-list",
    "notification-open",
    "notifications-read",
    "account-delete",
}
# Asks for the password once more, however one came in.
CONFIRMED = {"account-delete"}
OF_THE_OPERATOR = {"site-policy", "person-find", "person-delete"}
OF_A_PROJECT = {
    "project-detail": {"owner", "manager", "viewer"},
    "project-settings": {"owner"},
    "project-delete": {"owner"},
    "data-policy": {"owner"},
    "member-list": {"owner", "manager", "viewer"},
    "member-change": {"owner"},
    "guide-hide": {"owner", "manager", "viewer"},
    "project-leave": {"owner", "manager", "annotator", "viewer"},
    "invitation-revoke": {"owner"},
    "annotator-link-revoke": {"owner"},
    "filter-save": {"owner", "manager", "viewer"},
    "filter-delete": {"owner", "manager", "viewer"},
    "audit-list": {"owner", "manager"},
}
# There is none as long as nobody has asked to delete the project.
OF_A_MARKED_PROJECT = {"project-deletion", "project-restore", "project-erase"}
POSTED = {
    "member-change",
    "project-leave",
    "invitation-revoke",
    "annotator-link-revoke",
    "filter-save",
    "filter-delete",
    "guide-hide",
    "theme-set",
    "token-revoke",
    "notification-open",
    "notifications-read",
    "project-restore",
    "project-erase",
}


def address(name, slug="quill"):
    arguments = {
        "token-revoke": [1],
        "person-delete": [1],
        "notification-open": [1],
        "email-confirm": ["nobodys"],
        "annotator-link-revoke": [slug, 999999],
        "filter-delete": [slug, 999999],
        "member-change": [slug, 999999],
        "invitation-revoke": [slug, 999999],
    }.get(name, [slug] if name in {*OF_A_PROJECT, *OF_A_MARKED_PROJECT} else [])
    return reverse(f"projects:{name}", args=arguments)


def send(client, name):
    return (client.post if name in POSTED else client.get)(address(name))


def test_every_page_is_in_a_table():
    named = PUBLIC | OF_A_PERSON | OF_THE_OPERATOR | set(OF_A_PROJECT) | OF_A_MARKED_PROJECT
    assert {pattern.name for pattern in urls.urlpatterns} == named


@pytest.mark.parametrize("name", sorted(OF_A_PERSON | OF_THE_OPERATOR | set(OF_A_PROJECT) | OF_A_MARKED_PROJECT))
def test_who_is_not_signed_in_is_sent_to_sign_in(cast, client, name):
    response = send(client, name)
    assert response.status_code == 302
    assert response.url.startswith("/sign-in/?next=/")


@pytest.mark.parametrize("name", sorted(OF_A_PROJECT.keys() | OF_A_MARKED_PROJECT))
def test_a_stranger_gets_404(cast, browse, name):
    assert send(browse(cast.stranger), name).status_code == 404


@pytest.mark.parametrize("role", ["owner", "manager", "annotator", "viewer"])
@pytest.mark.parametrize("name", sorted(set(OF_A_PROJECT) - POSTED))
def test_a_page_opens_for_the_roles_in_the_table_only(cast, browse, name, role):
    response = send(browse(getattr(cast, role)), name)
    assert response.status_code == (200 if role in OF_A_PROJECT[name] else 403)


@pytest.mark.parametrize("role", ["manager", "annotator", "viewer"])
@pytest.mark.parametrize("name", ["member-change", "invitation-revoke", "annotator-link-revoke"])
def test_only_owners_change_members_and_invitations(cast, browse, name, role):
    assert send(browse(getattr(cast, role)), name).status_code == 403


@pytest.mark.parametrize("name", sorted(OF_A_PERSON - POSTED - CONFIRMED))
def test_a_page_of_ones_own_opens(cast, browse, name):
    assert send(browse(cast.viewer), name).status_code == 200


def test_a_page_for_posting_is_not_for_reading(cast, browse):
    for name in POSTED:
        assert browse(cast.owner).get(address(name)).status_code == 405


def test_a_refusal_is_a_page_with_its_reason(cast, browse):
    response = browse(cast.annotator).get("/p/quill/")
    assert response.status_code == 403
    assert "This is not open to you as annotator of this project." in response.content.decode()


def test_a_page_that_does_not_exist_is_ours(cast, browse):
    response = browse(cast.owner).get("/p/nothing/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def test_the_operators_page_opens_for_nobody_else(cast, browse):
    """Owning every project makes nobody the operator."""
    assert browse(cast.owner).get("/server/").status_code == 404
    cast.owner.is_superuser = True
    cast.owner.save()
    assert browse(cast.owner).get("/server/").status_code == 200
