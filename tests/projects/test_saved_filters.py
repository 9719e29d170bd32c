"""Filters of lists that people keep."""

from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from projects.models import SavedFilter
from tests.annotations.campaigns import make_campaign
from tests.factories import make_task

SAVE = "/p/quill/filters/"


def test_a_filter_is_kept_under_a_name_and_used_again(cast, browse):
    make_task(cast.project, "math-1", tags=["math"])
    client = browse(cast.viewer)
    response = client.post(SAVE, {"name": " Maths ", "query": "tag=math&q=&cursor=abc"})
    assertRedirects(response, "/p/quill/tasks/?tag=math")
    page = client.get("/p/quill/tasks/?tag=math")
    assertContains(page, 'href="/p/quill/tasks/?tag=math" aria-current="true">Maths</a>')
    assertNotContains(client.get("/p/quill/tasks/"), 'aria-current="true">Maths')


def test_a_name_that_exists_gets_the_new_filter(cast, browse):
    client = browse(cast.viewer)
    for query in ("tag=math", "tag=code"):
        client.post(SAVE, {"name": "Mine", "query": query})
    assert SavedFilter.objects.get().query == "tag=code"


def test_filters_are_ones_own(cast, browse):
    browse(cast.viewer).post(SAVE, {"name": "Mine", "query": "tag=math"})
    client = browse(cast.owner)
    assertNotContains(client.get("/p/quill/tasks/"), ">Mine</a>")
    assert client.post(f"{SAVE}{SavedFilter.objects.get().pk}/delete/").status_code == 404
    assertRedirects(browse(cast.viewer).post(f"{SAVE}{SavedFilter.objects.get().pk}/delete/"), "/p/quill/tasks/")
    assert not SavedFilter.objects.exists()


def test_a_filter_leads_nowhere_else(cast, browse):
    """What is kept is a query and never an address."""
    browse(cast.viewer).post(SAVE, {"name": "Mine", "query": "https://evil.example/?tag=x"})
    saved = SavedFilter.objects.get()
    assertContains(browse(cast.viewer).get("/p/quill/tasks/"), f'href="/p/quill/tasks/?{saved.query}"')


def test_what_filters_nothing_or_has_no_name_is_refused(cast, browse):
    client = browse(cast.viewer)
    for fields in (
        {"name": "Mine", "query": "cursor=abc"},
        {"name": " ", "query": "tag=x"},
        {"name": "x" * 61, "query": "tag=x"},
    ):
        assert client.post(SAVE, fields).status_code == 400
    assert not SavedFilter.objects.exists()


def test_a_list_keeps_fifty(cast, browse):
    rows = [
        SavedFilter(user=cast.viewer, project=cast.project, of_list="tasks", name=str(number), query="tag=x")
        for number in range(50)
    ]
    SavedFilter.objects.bulk_create(rows)
    client = browse(cast.viewer)
    assert client.post(SAVE, {"name": "one more", "query": "tag=x"}).status_code == 409
    assert client.post(SAVE, {"name": "7", "query": "tag=y"}).status_code == 302


def test_the_audit_log_and_items_of_campaigns_keep_filters_of_their_own(cast, browse):
    campaign, other = (make_campaign(cast.project, cast.owner, items=1, name=name) for name in ("One", "Two"))
    client = browse(cast.owner)
    kept = client.post(SAVE, {"name": "Who came", "query": "verb=member", "of_list": "audit"})
    assertRedirects(kept, "/p/quill/audit/?verb=member")
    items = {"name": "Skipped", "query": "q=&state=skipped", "of_list": "items", "campaign": campaign.pk}
    assertRedirects(client.post(SAVE, items), f"/p/quill/campaigns/{campaign.pk}/items/?state=skipped")
    # Items are filtered alike in every campaign.
    page = client.get(f"/p/quill/campaigns/{other.pk}/items/?state=skipped")
    assertContains(page, f'href="/p/quill/campaigns/{other.pk}/items/?state=skipped" aria-current="true">Skipped</a>')
    assertContains(client.get("/p/quill/audit/"), ">Who came</a>")
    assertNotContains(client.get("/p/quill/tasks/"), ">Skipped</a>")
    saved = SavedFilter.objects.get(of_list="items")
    gone = client.post(f"{SAVE}{saved.pk}/delete/", {"campaign": other.pk})
    assertRedirects(gone, f"/p/quill/campaigns/{other.pk}/items/")
    refused = client.post(SAVE, {"name": "x", "query": "a=b", "of_list": "https://evil.example/"})
    assert refused.status_code == 400
