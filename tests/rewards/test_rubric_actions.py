"""Immutable versions, and the draft that becomes one."""

import pytest

from projects.errors import AppError
from projects.models import AuditEvent
from rewards.actions.rubrics import (
    archive_rubric,
    create_rubric,
    describe_rubric,
    restore_rubric,
    save_version,
    with_weights,
)
from rewards.forms.rubric_draft import RubricDraft
from rewards.models import Rubric
from rewards.rubric_notes import said
from rewards.rubrics.parse import RubricError, content_hash, rubric_from_dict
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db

FULL = rubric_from_dict(
    [
        {"key": "right", "title": "Right", "text": "Is it right?\nReally?", "weight": -0.1, "may_be_na": True},
        {
            "key": "clear",
            "text": " How clear is it? ",
            "kind": "ordinal",
            "importance": "Essential",
            "must_have": True,
            "levels": [
                {"label": "no", "value": 0},
                {"label": "yes", "value": 1 / 3, "anchor": "one reading\nis enough"},
            ],
        },
        {"key": "tone", "text": "Tone?", "kind": "nominal", "levels": [{"label": "a"}, {"label": "b", "value": 1}]},
    ]
)
OTHER = rubric_from_dict([{"key": "right", "text": "Is it right?"}])


@pytest.fixture
def rubric():
    return create_rubric(project=make_project(), actor=None, name="Quality", content=FULL).rubric


def test_what_is_stored_reads_back_as_it_was_given(rubric):
    version = rubric.versions.get()

    assert version.content() == FULL
    assert version.content_hash == content_hash(FULL)


def test_new_content_is_a_new_version_and_the_old_one_stays(rubric):
    saved = save_version(rubric=rubric, actor=None, content=OTHER, note="shorter")

    assert (saved.is_new, saved.version.number, saved.version.note) == (True, 2, "shorter")
    assert [version.content() for version in rubric.versions.order_by("number")] == [FULL, OTHER]


def test_the_same_content_is_no_new_version(rubric):
    saved = save_version(rubric=rubric, actor=None, content=FULL)

    assert (saved.is_new, saved.version.number, rubric.versions.count()) == (False, 1, 1)


def test_going_back_to_older_content_is_a_version_of_its_own(rubric):
    save_version(rubric=rubric, actor=None, content=OTHER)

    assert save_version(rubric=rubric, actor=None, content=FULL).version.number == 3


def test_two_rubrics_of_a_project_have_two_names(rubric):
    with pytest.raises(AppError) as caught:
        create_rubric(project=rubric.project, actor=None, name="Quality", content=OTHER)

    assert caught.value.code == "rubric_name_taken"
    assert Rubric.objects.count() == 1


def test_a_task_has_one_rubric_of_its_own_whatever_its_name(rubric):
    own = {"project": rubric.project, "actor": None, "content": OTHER, "task_external_id": "t"}
    create_rubric(name="Quality", **own)

    with pytest.raises(AppError, match="has a rubric already"):
        create_rubric(name="Another", **own)
    assert Rubric.objects.of_tasks().count() == 1


def test_a_rename_to_a_taken_name_is_refused(rubric):
    other = create_rubric(project=rubric.project, actor=None, name="Safety", content=OTHER).rubric

    with pytest.raises(AppError):
        describe_rubric(rubric=other, name="Quality", description="")


def test_archiving_twice_is_told_once(rubric):
    actor = make_user()
    for change in (archive_rubric, archive_rubric, restore_rubric):
        change(rubric=rubric, actor=actor)

    assert list(AuditEvent.objects.filter(actor=actor).order_by("id").values_list("verb", flat=True)) == [
        "rubric.archived",
        "rubric.restored",
    ]
    rubric.refresh_from_db()
    assert rubric.archived_at is None


def test_only_weights_that_differ_are_written_down():
    changed = with_weights(FULL, {"right": 2.0, "clear": 1.0, "unknown": 5.0})

    # Essential weighs 1 already, so the importance stays what decides.
    assert [criterion.weight for criterion in changed.criteria] == [2.0, None, None]


def test_a_penalty_on_a_must_have_is_refused():
    with pytest.raises(RubricError):
        with_weights(FULL, {"clear": -1.0})


def posted(draft):
    """What a browser sends of the editor's fields: text areas with CRLF."""
    data = {"name": draft.name, "criteria": str(len(draft.criteria))}
    for index, criterion in enumerate(draft.criteria):
        prefix = f"c-{index}-"
        for name in ("key", "title", "text", "kind", "weight", "importance"):
            data[prefix + name] = getattr(criterion, name).replace("\n", "\r\n")
        for name in ("must_have", "may_be_na"):
            if getattr(criterion, name):
                data[prefix + name] = "on"
        data[f"{prefix}levels"] = str(len(criterion.level_rows))
        for number, level in enumerate(criterion.level_rows):
            for name in ("label", "value", "anchor"):
                data[f"{prefix}l-{number}-{name}"] = getattr(level, name).replace("\n", "\r\n")
    return data


def test_what_nobody_touched_in_the_editor_is_the_same_content():
    draft = RubricDraft.from_content(FULL, name="Quality", description="")

    assert RubricDraft.from_post(posted(draft)).content() == FULL


@pytest.mark.parametrize(
    ("step", "keys"),
    [
        ("up:1", ["b", "a", "c"]),
        ("up:0", ["a", "b", "c"]),
        ("down:1", ["a", "c", "b"]),
        ("down:2", ["a", "b", "c"]),
        ("remove:0", ["b", "c"]),
        ("add", ["a", "b", "c", ""]),
        ("remove:9", ["a", "b", "c"]),
        ("remove:-1", ["a", "b", "c"]),
        ("up:", ["a", "b", "c"]),
        ("drop table", ["a", "b", "c"]),
    ],
)
def test_steps_change_rows_or_nothing(step, keys):
    draft = RubricDraft.from_content(
        rubric_from_dict([{"key": key, "text": key} for key in "abc"]), name="", description=""
    )

    draft.apply(step)

    assert [criterion.key for criterion in draft.criteria] == keys


def test_levels_are_added_and_removed():
    draft = RubricDraft.from_content(FULL, name="", description="")

    draft.apply("add-level:1")
    draft.apply("remove-level:1:0")

    assert [level.label for level in draft.criteria[1].levels] == ["yes", ""]


def test_keys_are_made_from_words_and_never_taken_twice():
    draft = RubricDraft.from_post(
        {
            "criteria": "4",
            "c-0-text": "Names the Date!",
            "c-1-title": "Names the date",
            "c-1-text": "x",
            "c-2-text": "日本語",
            "c-3-key": "names-the-date-2",
            "c-3-text": "y",
        }
    )

    content = draft.content()

    assert content is not None
    assert content.keys == ("names-the-date", "names-the-date-3", "criterion-3", "names-the-date-2")


def test_blank_criteria_and_levels_are_dropped():
    draft = RubricDraft.from_post(
        {"criteria": "2", "c-0-text": "x", "c-0-levels": "2", "c-0-l-0-label": "", "c-1-text": "  "}
    )

    content = draft.content()

    assert content is not None
    assert len(content.criteria) == 1


def test_every_problem_stands_beside_its_field():
    draft = RubricDraft.from_post(
        {
            "criteria": "2",
            "c-0-text": "x",
            "c-0-weight": "heavy",
            "c-1-text": "y",
            "c-1-kind": "ordinal",
            "c-1-levels": "1",
            "c-1-l-0-label": "only one",
        }
    )

    assert draft.content() is None
    assert list(draft.criteria[0].errors) == ["weight"]
    assert draft.criteria[1].level_errors


def test_an_empty_rubric_is_refused():
    draft = RubricDraft.from_post({"criteria": "not a number"})
    draft.check_name()

    assert draft.content() is None
    assert set(draft.errors) == {"name", "criteria"}


@pytest.mark.parametrize(
    "note", ["shorter", "{", '{"code": "refine"}', '{"code": "other", "proposal": 1, "model": "m"}', "[1]"]
)
def test_what_a_person_notes_stands_as_it_was_written(note):
    assert said(note) == note
