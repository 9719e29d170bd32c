"""Keyset pagination, over audit events and people."""

import base64
import json

import pytest
from django.db.models.functions import Length

from projects.errors import AppError
from projects.keyset import keyset_page
from projects.models import AuditEvent, User
from tests.factories import make_user

EVENTS = AuditEvent.objects


def walk(queryset, **options):
    """Every row, page by page."""
    cursor, rows = None, []
    while True:
        page = keyset_page(queryset, cursor=cursor, **options)
        assert len(page.rows) <= options["limit"]
        rows += page.rows
        cursor = page.next_cursor
        if cursor is None:
            return rows


def cursor_of(*content):
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@pytest.fixture
def events(cast):
    # Three verbs, so that every page boundary falls inside a tie.
    return EVENTS.bulk_create(AuditEvent(project=cast.project, verb=f"event.{n % 3}") for n in range(10))


@pytest.mark.parametrize("limit", [1, 3, 10, 11])
@pytest.mark.parametrize("ordering", ["id", "-id", "verb", "-verb", "created_at", "-created_at"])
def test_pages_give_every_row_once_in_order(events, ordering, limit):
    name = ordering.removeprefix("-")
    expected = sorted(EVENTS.all(), key=lambda event: (getattr(event, name), event.pk), reverse=ordering[0] == "-")
    assert walk(EVENTS.all(), ordering=ordering, limit=limit) == expected


def test_rows_as_dictionaries_work_as_well(events):
    rows = walk(EVENTS.values("id", "verb"), ordering="verb", limit=4)
    assert [row["verb"] for row in rows] == ["event.0"] * 4 + ["event.1"] * 3 + ["event.2"] * 3


def test_an_annotation_can_be_the_order(db):
    for name in ("ccc", "a", "bb", "aa"):
        make_user(name)
    rows = walk(User.objects.annotate(letters=Length("username")), ordering="-letters", limit=1)
    # Ties go by id, descending like the order: "aa" was made after "bb".
    assert [user.username for user in rows] == ["ccc", "aa", "bb", "a"]


def test_a_row_that_is_added_in_front_does_not_shift_the_next_page(events, cast):
    first = keyset_page(EVENTS.all(), limit=4)
    EVENTS.create(project=cast.project, verb="event.late")
    second = keyset_page(EVENTS.all(), limit=4, cursor=first.next_cursor)
    assert [event.pk for event in second.rows] == [event.pk for event in reversed(events)][4:8]


def test_a_page_is_one_query_that_compares_the_pair_of_columns(events, django_assert_num_queries):
    first = keyset_page(EVENTS.all(), ordering="verb", limit=4)
    with django_assert_num_queries(1) as queries:
        keyset_page(EVENTS.all(), ordering="verb", limit=4, cursor=first.next_cursor)
    # PostgreSQL walks an index on (verb, id) for a row comparison; it would not for `a > x OR (a = x AND id > y)`.
    assert '("projects_auditevent"."verb", "projects_auditevent"."id") > (' in queries[0]["sql"]


def test_a_column_that_is_null_cannot_be_the_order(cast):
    EVENTS.bulk_create(AuditEvent(verb="event.x", actor=None) for _ in range(2))
    with pytest.raises(ValueError, match="never NULL"):
        keyset_page(EVENTS.all(), ordering="actor_id", limit=1)


@pytest.mark.parametrize(
    "cursor",
    [
        "%%%",
        "Zm9v",
        cursor_of("-id", "nonsense"),
        cursor_of("-id", "9" * 30),
        cursor_of("-id", None),
        cursor_of("-id", ["1"]),
        cursor_of("-id"),
        cursor_of("-id", "1", "2"),
        cursor_of("verb", "event.1", "1"),
        cursor_of(),
    ],
)
def test_a_cursor_that_is_not_of_this_list_is_refused(db, cursor):
    with pytest.raises(AppError) as refusal:
        keyset_page(EVENTS.all(), cursor=cursor)
    assert refusal.value.code == "cursor_invalid"


@pytest.mark.parametrize("value", ["a\x00b", "2026-01-01T00:00:00"])
def test_a_value_that_the_database_could_not_compare_is_refused(db, value):
    ordering = "created_at" if value.startswith("2026") else "verb"
    with pytest.raises(AppError):
        keyset_page(EVENTS.all(), ordering=ordering, cursor=cursor_of(ordering, value, "1"))
