"""Reading, writing, comparing and re-weighing rubrics in the browser."""

import json

import pytest
from django.urls import reverse

from rewards.actions.rubrics import create_rubric, save_version
from rewards.models import Judgment, Rubric, Verdict
from rewards.rubrics.parse import rubric_from_dict
from tests.factories import make_judgment, make_output, make_rater, make_task

HOSTILE = "</textarea><script>alert(1)</script>\"'><img src=x>"


def url(name, *arguments):
    return reverse(f"rewards:{name}", args=["quill", *arguments])


@pytest.fixture
def rubric(cast):
    content = rubric_from_dict(
        [{"key": "right", "text": "It is right.", "weight": 2}, {"key": "short", "text": "Short."}]
    )
    return create_rubric(project=cast.project, actor=None, name="Quality", content=content).rubric


def draft(**fields):
    return {
        "name": "Quality",
        "criteria": "1",
        "c-0-key": "right",
        "c-0-text": "It is right.",
        "c-0-weight": "2",
    } | fields


@pytest.mark.parametrize("n", [1, 3])
def test_the_list_costs_the_same_whatever_its_length(cast, browse, django_assert_num_queries, n):
    for number in range(n):
        content = rubric_from_dict([{"text": "x"}])
        create_rubric(project=cast.project, actor=None, name=f"r{number}", content=content)
    client = browse(cast.viewer)

    # session, user, project, rubrics with their newest versions
    with django_assert_num_queries(4):
        client.get(url("rubric-list"))


def test_the_list_tells_shared_rubrics_from_those_of_tasks(cast, browse, rubric):
    own = create_rubric(
        project=cast.project, actor=None, name="Own", content=rubric_from_dict([{"text": "x"}]), task_external_id="t-7"
    ).rubric
    client = browse(cast.viewer)

    shared = client.get(url("rubric-list")).context["page"].rows
    tasks = client.get(url("rubric-list"), {"of": "tasks", "q": "t-"}).context["page"].rows

    assert shared == [rubric]
    assert (shared[0].version_number, shared[0].criterion_count) == (1, 2)
    assert tasks == [own]


def test_archived_rubrics_are_listed_on_demand(cast, browse, rubric):
    client = browse(cast.manager)
    client.post(url("rubric-archive", rubric.pk))

    assert client.get(url("rubric-list")).context["page"].rows == []
    assert client.get(url("rubric-list"), {"archived": "1"}).context["page"].rows == [rubric]


def test_a_new_rubric_is_written_in_the_editor(cast, browse):
    response = browse(cast.manager).post(
        url("rubric-create"), draft(name="New", do="save", description="why", **{"c-0-importance": "Essential"})
    )

    rubric = Rubric.objects.get()
    assert response.url == url("rubric-detail", rubric.pk)
    assert (rubric.name, rubric.description) == ("New", "why")
    assert rubric.versions.get().created_by == cast.manager


def test_saving_a_change_makes_a_version_and_saving_nothing_makes_none(cast, browse, rubric):
    client = browse(cast.manager)
    for _ in range(2):
        client.post(url("rubric-edit", rubric.pk), draft(do="save", note="only right"))

    assert [version.note for version in rubric.versions.order_by("number")] == ["", "only right"]


def test_steps_write_nothing(cast, browse, rubric):
    response = browse(cast.manager).post(url("rubric-edit", rubric.pk), draft(do="add"))

    assert b"c-1-text" in response.content
    assert rubric.versions.count() == 1


def test_htmx_gets_the_form_back_and_after_saving_an_address(cast, browse, rubric):
    client, headers = browse(cast.manager), {"HX-Request": "true"}

    step = client.post(url("rubric-edit", rubric.pk), draft(do="add"), headers=headers)
    saved = client.post(url("rubric-edit", rubric.pk), draft(do="save"), headers=headers)

    assert b"<html" not in step.content
    assert saved["HX-Redirect"] == url("rubric-detail", rubric.pk)


def test_what_is_wrong_stands_beside_the_field_and_what_was_typed_stays(cast, browse, rubric):
    response = browse(cast.manager).post(url("rubric-edit", rubric.pk), draft(do="save", **{"c-0-weight": "heavy"}))

    page = response.content.decode()
    assert 'value="heavy"' in page
    assert "expected a number" in page
    assert rubric.versions.count() == 1


def test_lint_speaks_while_the_rubric_is_written(cast, browse):
    response = browse(cast.manager).post(
        url("rubric-lint"), draft(**{"c-0-text": "Contains incorrect claims.", "c-0-weight": "1"})
    )

    assert b"rewarded" in response.content


def test_a_task_gets_a_rubric_of_its_own_and_then_leads_to_it(cast, browse):
    task, client = make_task(cast.project, "t-1"), browse(cast.manager)

    client.post(url("task-rubric-create", task.pk), draft(name="Rubric of t-1", do="save"))

    rubric = Rubric.objects.get()
    assert rubric.task_external_id == "t-1"
    assert client.get(url("task-rubric-create", task.pk)).url == url("rubric-edit", rubric.pk)


def test_a_pasted_export_is_the_same_rubric(cast, browse, rubric):
    client = browse(cast.manager)
    exported = client.get(url("rubric-export", rubric.pk, 1))

    client.post(url("rubric-paste"), {"name": "Copy", "text": exported.content.decode()})

    copy = Rubric.objects.get(name="Copy")
    assert copy.versions.get().content_hash == rubric.versions.get().content_hash
    assert exported["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "in line 1, column 2"),
        ("[" * 100_000, "no JSON"),
        ("[]", "at least one criterion"),
        ('[{"text": "x", "weight": "y"}, {}]', "criterion 0 (), weight"),
        (json.dumps([{"text": "\x00"}]), "NUL"),
    ],
)
def test_pasted_nonsense_is_named(cast, browse, text, words):
    response = browse(cast.manager).post(url("rubric-paste"), {"name": "x", "text": text})

    assert response.status_code == 200
    assert not Rubric.objects.exists()
    if words not in {"no JSON", "criterion 0 (), weight"}:
        assert words in response.content.decode()


def test_any_two_versions_are_compared(cast, browse, rubric):
    save_version(rubric=rubric, actor=None, content=rubric_from_dict([{"key": "right", "text": "It is true."}]))
    save_version(rubric=rubric, actor=None, content=rubric_from_dict([{"key": "new", "text": "New."}]))
    client = browse(cast.viewer)

    page = client.get(url("rubric-diff", rubric.pk), {"old": 1, "new": 2}).content.decode()
    latest = client.get(url("rubric-diff", rubric.pk)).context

    assert "<del>right</del><ins>true</ins>" in page
    assert (latest["old"].number, latest["new"].number) == (2, 3)
    assert client.get(url("rubric-diff", rubric.pk), {"old": 9}).status_code == 404


def test_hostile_words_are_text_in_every_page(cast, browse):
    content = rubric_from_dict(
        [
            {
                "key": "k",
                "title": HOSTILE,
                "text": HOSTILE,
                "kind": "nominal",
                "levels": [{"label": HOSTILE, "anchor": HOSTILE}, {"label": "b"}],
            }
        ]
    )
    rubric = create_rubric(project=cast.project, actor=None, name=HOSTILE, content=content, description=HOSTILE).rubric
    save_version(rubric=rubric, actor=None, content=rubric_from_dict([{"key": "k", "text": "t"}]), note=HOSTILE)
    client = browse(cast.manager)

    for name in ("rubric-list", "rubric-detail", "rubric-edit", "rubric-diff", "rubric-reaggregate"):
        page = client.get(url(name, *([] if name == "rubric-list" else [rubric.pk]))).content.decode()
        assert "<script>alert" not in page, name
        assert "<img src" not in page, name
    assert client.get(url("rubric-version", rubric.pk, 1)).content.count(b"<script>alert") == 0


@pytest.fixture
def judged(cast, rubric):
    """Two outputs of one task: `right` prefers the first, `short` the second."""
    rater, task = make_rater(cast.project), make_task(cast.project, "t")
    outputs = [make_output(task, policy=name) for name in ("first", "second")]
    for output, values in zip(outputs, [(1.0, 0.0), (0.5, 1.0)], strict=True):
        judgment = make_judgment(rater, Judgment.Kind.VERDICTS, task, output)
        for criterion, value in zip(rubric.versions.get().criteria.all(), values, strict=True):
            Verdict.objects.create(judgment=judgment, criterion=criterion, value=value)
    return rater


def ranking(response):
    return [(row.output.policy.name, row.old_rank, row.new_rank) for row in response.context["result"].rows]


def test_other_weights_change_the_ranking(cast, browse, rubric, judged):
    client = browse(cast.viewer)

    # (2 x 1 + 0) / 3 = 0.67 against (2 x 0.5 + 1) / 3 = 0.67: a tie under the rubric's own weights.
    own = client.get(url("rubric-reaggregate", rubric.pk))
    # (1 + 0) / 4 against (0.5 + 3) / 4.
    other = client.get(url("rubric-reaggregate", rubric.pk), {"w-right": "1", "w-short": "3"})

    assert ranking(own) == [("first", 1, 1), ("second", 1, 1)]
    assert ranking(other) == [("second", 1, 1), ("first", 1, 2)]
    result = other.context["result"]
    # The pair was tied and is told apart now.
    assert (result.n_moved, result.n_pairs, result.n_flipped) == (1, 1, 1)


def test_weights_that_are_no_numbers_leave_the_rubrics_own(cast, browse, rubric, judged):
    weights = {"w-right": "nan", "w-short": "1e99", "rater": "x", "aggregation": "none", "task": "no such"}

    response = browse(cast.viewer).get(url("rubric-reaggregate", rubric.pk), weights)

    assert ranking(response) == [("first", 1, 1), ("second", 1, 1)]
    assert b"There is no task no such" in response.content


def test_reaggregating_costs_a_fixed_number_of_queries(cast, browse, rubric, judged, django_assert_num_queries):
    client = browse(cast.viewer)

    # session, user, project, rubric, version, criteria, raters; criteria of all versions, verdicts; outputs, tasks; the
    # outputs of the comparison
    with django_assert_num_queries(12):
        client.get(url("rubric-reaggregate", rubric.pk))
    # The task itself is looked up as well.
    with django_assert_num_queries(13):
        client.get(url("rubric-reaggregate", rubric.pk), {"task": "t"})


def test_weights_tried_out_are_kept_as_a_new_version(cast, browse, rubric, judged):
    response = browse(cast.manager).post(url("rubric-reaggregate", rubric.pk), {"w-right": "2", "w-short": "3"})

    assert response.url == url("rubric-detail", rubric.pk)
    assert rubric.versions.get(number=2).content().weights == (2, 3)


def test_a_viewer_tries_out_but_keeps_nothing(cast, browse, rubric, judged):
    response = browse(cast.viewer).post(url("rubric-reaggregate", rubric.pk), {"w-short": "3"})

    assert response.status_code == 403
    assert rubric.versions.count() == 1


def test_without_verdicts_the_page_says_what_is_missing(cast, browse, rubric):
    assert b"Nobody gave a verdict yet" in browse(cast.viewer).get(url("rubric-reaggregate", rubric.pk)).content
