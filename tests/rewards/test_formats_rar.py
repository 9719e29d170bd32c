"""RaR's rows, in JSONL and Parquet: read, stored, and written back without a loss."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.urls import reverse

from rewards.actions.imports import import_files
from rewards.actions.rubrics import save_version
from rewards.formats import rar
from rewards.formats.records import FormatError, RowError, TaskRecord
from rewards.formats.sources import SourceFile
from rewards.models import Rubric
from rewards.rubrics.aggregate import aggregate
from rewards.rubrics.parse import rubric_from_dict
from tests.factories import make_project, make_task, make_user

ITEMS = [
    {"title": "Diagnosis", "description": "Essential Criteria: Names otitis media.", "weight": 5},
    {"title": "Red flags", "description": "Important Criteria: Asks about fever.", "weight": 3},
    {"title": "Tone", "description": "Optional Criteria: Is kind.", "weight": 1},
    {"title": "Antibiotics", "description": "Pitfall Criteria: Avoids prescribing outright.", "weight": -1},
]
ROW = {
    "question": "A child's ear hurts. What is it?",
    "reference_answer": "Otitis media.",
    "question_source": "exam",
    "rubric": ITEMS,
    "rubric_list": [item["description"] for item in ITEMS],
    "rubric_count": 4,
}
ODD = {
    "question": "Why is the sky blue?",
    "reference_answer": "",
    "question_source": "",
    "rubric": [
        {"title": "", "description": "essential criteria:Says Rayleigh.", "weight": 4},
        {"title": "Plain", "description": "No category here.", "weight": 2},
    ],
    "rubric_list": ["Rayleigh", "something else"],
    "rubric_count": 2,
}


def jsonl(*rows):
    lines = "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    return SourceFile("rar.jsonl", io.BytesIO(lines.encode()))


def parquet(*rows):
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), file)
    file.seek(0)
    return SourceFile("rar.parquet", file)


def read(file, **options):
    return list(rar.read([file], options))


def written(records):
    file = io.BytesIO()
    rar.write(records, file)
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_the_category_stands_in_the_description_and_weighs_as_in_the_paper():
    [task] = read(jsonl(ROW))

    content = rubric_from_dict(task.rubric)
    assert [criterion.importance for criterion in content.criteria] == ["Essential", "Important", "Optional", "Pitfall"]
    assert content.criteria[0].text == "Names otitis media."
    assert content.weights == (1.0, 0.7, 0.3, 0.9)
    assert task.reference == "Otitis media."
    # Met: diagnosis and the pitfall, which adds: 1.9 / 2.9
    met = dict(zip(content.keys, [1, 0, 0, 1], strict=True))
    assert aggregate(content, met).value == pytest.approx(1.9 / 2.9)


def test_the_numbers_of_the_file_become_weights_where_the_import_asks_for_it():
    [task] = read(jsonl(ROW), weights="numbers")
    assert rubric_from_dict(task.rubric).weights == (5, 3, 1, -1)
    assert written([task]) == [ROW]


@pytest.mark.parametrize("kind", [jsonl, parquet])
def test_what_is_read_is_written_back_unchanged(kind):
    assert written(read(kind(ROW, ODD))) == [ROW, ODD]


def test_the_same_file_read_twice_is_the_same_tasks_and_a_question_that_comes_again_is_another():
    first, second = read(jsonl(ROW, ROW))
    [again] = read(parquet(ROW))
    assert first.external_id == again.external_id
    assert second.external_id == f"{first.external_id}-2"


ITEM = ITEMS[0]


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"question": None}, "question", "the text of the question"),
        ({"question": 5}, "question", "the text of the question"),
        ({"reference_answer": 5}, "reference_answer", "a string or null"),
        ({"rubric": None}, "rubric", "at least one item"),
        ({"rubric": [], "rubric_count": 0}, "rubric", "at least one item"),
        ({"rubric": [ITEM | {"title": "x" * 201}]}, "rubric[0].title", "at most 200"),
        ({"rubric": [ITEM | {"description": " "}]}, "rubric[0].description", "the criterion"),
        ({"rubric": [ITEM | {"weight": 1.5}]}, "rubric[0].weight", "a whole number"),
        ({"rubric": [ITEM | {"points": 1}]}, "rubric[0].points", "one of description"),
        ({"rubric_list": "x"}, "rubric_list", "a list of strings"),
        ({"rubric_count": 3}, "rubric_count", "4: the number of items"),
        ({"Question": "x"}, "Question", "question"),
    ],
)
def test_a_fault_names_its_row_and_field_and_what_was_expected(change, field, expected):
    good, error = read(jsonl(ODD, ROW | change))

    assert isinstance(good, TaskRecord)
    assert isinstance(error, RowError)
    assert (error.row, error.field) == (2, field)
    assert expected in error.expected


def test_a_parquet_file_names_the_faulty_row_and_a_broken_one_is_refused():
    good, bad = read(parquet(ROW, ROW | {"question": "NUL \x00"}))
    assert isinstance(good, TaskRecord)
    assert (bad.row, bad.field) == (2, "question")

    with pytest.raises(FormatError, match="no column rubric"):
        read(parquet({"question": "x"}))
    with pytest.raises(FormatError, match="cannot be read as Parquet"):
        read(SourceFile("half.parquet", io.BytesIO(b"PAR1 and then nothing of the kind")))


def test_an_unknown_way_to_weigh_is_refused():
    with pytest.raises(FormatError, match="weights"):
        read(jsonl(ROW), weights="both")


@pytest.fixture
def project(db):
    return make_project("quill", owner=make_user("owner"), viewer=make_user("viewer"))


def exported(project, folder, file_type="jsonl"):
    call_command(
        "export_data", project=project.slug, format="rar", out=folder, fractions=["train=1"], file_type=file_type
    )
    path = folder / f"data/train.{file_type}"
    if file_type == "parquet":
        return pq.read_table(path).to_pylist()
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("kind", [jsonl, parquet])
def test_a_file_goes_through_a_project_and_comes_out_the_same_in_both_kinds(project, tmp_path, kind):
    batch = import_files(project, by=None, format_name="rar", files=[kind(ROW, ODD)])

    assert (batch.status, batch.counts["rubric_versions"]) == ("done", 2)
    assert exported(project, tmp_path / "a") == [ROW, ODD]
    assert exported(project, tmp_path / "b", "parquet") == [ROW, ODD]


def test_an_edited_criterion_is_written_in_its_new_words(project, tmp_path):
    import_files(project, by=None, format_name="rar", files=[jsonl(ODD)])
    content = rubric_from_dict(
        [
            {"key": "criterion-1", "text": "Says Rayleigh scattering.", "importance": "Essential"},
            {"key": "own", "text": "Is short.", "weight": 2},
            {"key": "usual", "text": "Avoids jargon.", "importance": "Pitfall"},
        ]
    )
    save_version(rubric=Rubric.objects.get(), actor=None, content=content)

    [row] = exported(project, tmp_path / "out")

    assert row["rubric"] == [
        {"title": "", "description": "Essential Criteria: Says Rayleigh scattering.", "weight": 4},
        {"title": "", "description": "Is short.", "weight": 2},
        {"title": "", "description": "Pitfall Criteria: Avoids jargon.", "weight": -1},
    ]
    assert row["rubric_list"] == [item["description"] for item in row["rubric"]]


def test_the_page_previews_and_builds_tasks_with_rubrics(project, client):
    import_files(project, by=None, format_name="rar", files=[jsonl(ROW)])
    make_task(project, "none")
    client.force_login(project.memberships.get(role="owner").user)
    form = client.get(reverse("rewards:export-create", args=["quill"])).context["form"]
    assert form["source"].initial == "rubrics"
    choices = {name: form[name].initial for name in form.fields if form[name].initial is not None}
    choices |= {"format": "rar", "question": "overall", "rubric": "own", "train": 100, "test": 0}

    preview = client.post(reverse("rewards:export-preview", args=["quill"]), choices).content.decode()
    made = client.post(reverse("rewards:export-create", args=["quill"]), choices)

    assert "From 2 tasks." in preview
    assert "Tasks without a rubric of their own: 1" in preview
    assert "Essential Criteria: Names otitis media." in preview
    assert made.status_code == 302


def test_the_api_starts_the_same_export(project, client):
    import_files(project, by=None, format_name="rar", files=[jsonl(ROW)])
    client.force_login(project.memberships.get(role="owner").user)

    answer = client.post("/api/v1/projects/quill/exports", {"format": "rar"}, content_type="application/json")

    assert answer.status_code == 201
    assert answer.json()["options"]["source"] == "rubrics"
