"""LLMFAO: the released comparisons give their known counts, texts are joined by number, faults are told by row."""

import io
import json
from collections import Counter
from pathlib import Path

import pytest

from rewards.formats import llmfao
from rewards.formats.records import ComparisonRecord, FormatError, OutputRecord, RowError, TaskRecord
from rewards.formats.sources import SourceFile

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "llmfao"
released = pytest.mark.skipif(not DATA.is_dir(), reason=f"the released data is not at {DATA}")

HEADER = "id,prompt,model_x,model_y,worker,winner,left,right"
PROMPTS = [{"id": 8, "text": "Which?", "type": "reflexion", "slug": "k8s", "stop": None, "note": None}]
RESULTS = [
    {"id": 0, "model": 97, "prompt": 8, "name": "Airoboros", "result": "This.", "api_id": "a/b"},
    {"id": 1, "model": 98, "prompt": 8, "name": "Weaver", "result": "That.", "api_id": "c/d"},
]


def read(*files, **options):
    sources = [SourceFile(name, io.BytesIO(raw)) for name, raw in files]
    return list(llmfao.read(sources, options))


def table(*rows, header=HEADER):
    return "llmfao.csv", "\n".join([header, *rows]).encode()


def jsonl(name, rows):
    return name, b"\n".join(json.dumps(row).encode() for row in rows)


def of_kind(records, kind):
    return [record for record in records if isinstance(record, kind)]


@released
def test_the_released_comparisons_are_all_there():
    records = read(("llmfao.csv", (DATA / "llmfao.csv").read_bytes()))
    comparisons, outputs = of_kind(records, ComparisonRecord), of_kind(records, OutputRecord)
    assert not of_kind(records, RowError)
    # The facts of ../shared/data/README.md; how they were decided was counted with `cut` and `sort` over the file.
    assert len(comparisons) == 8931
    assert len({output.policy for output in outputs}) == 59
    assert Counter(pair.choice for pair in comparisons) == {"tie": 3471, "a": 2911, "b": 2549}
    assert len({pair.rater for pair in comparisons}) == 124
    assert (len(of_kind(records, TaskRecord)), len(outputs)) == (13, 750)
    assert {pair.repeat for pair in comparisons} == {0}


@released
def test_things_without_models_are_their_own_texts():
    records = read(("food.csv", (DATA / "food.csv").read_bytes()))
    assert {output.messages[0]["text"] for output in of_kind(records, OutputRecord)} >= {"Pizza", "Sushi", "Tacos"}
    assert len(of_kind(records, TaskRecord)) == 1
    assert len(of_kind(records, ComparisonRecord)) == 30
    assert not of_kind(records, RowError)


@released
@pytest.mark.parametrize("name", ["codings.csv", "food-golden.csv"])
def test_the_other_released_files_are_refused_by_their_header(name):
    with pytest.raises(FormatError, match="The header is"):
        read((name, (DATA / name).read_bytes()))


def test_texts_are_joined_by_number_whatever_the_order_of_the_files():
    records = read(
        table("0,8,97,98,58,right,Airoboros,Weaver"), jsonl("results.jsonl", RESULTS), jsonl("prompts.jsonl", PROMPTS)
    )
    [task] = of_kind(records, TaskRecord)
    assert (task.messages[0]["text"], task.tags) == ("Which?", ["reflexion"])
    assert [(output.policy, output.messages[0]["text"]) for output in of_kind(records, OutputRecord)] == [
        ("Airoboros", "This."),
        ("Weaver", "That."),
    ]
    assert of_kind(records, OutputRecord)[0].generation == {"api_id": "a/b"}
    [pair] = of_kind(records, ComparisonRecord)
    assert (pair.output_a, pair.output_b, pair.choice, pair.rater) == ("llmfao-8-97", "llmfao-8-98", "b", "worker-58")
    assert records.index(task) == 0


def test_without_texts_prompts_and_responses_are_empty_rather_than_made_up():
    records = read(table("0,8,97,98,58,tie,Airoboros,Weaver"))
    assert [record.messages[0]["text"] for record in records[:3]] == ["", "", ""]
    assert of_kind(records, ComparisonRecord)[0].tie_kind == "equal"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("0,8,97,98,58,both,Airoboros,Weaver", "winner"),
        ("0,x,97,98,58,tie,Airoboros,Weaver", "prompt"),
        ("0,8,97,-1,58,tie,Airoboros,Weaver", "model_y"),
        ("0,8,97,98,58,tie,,Weaver", "left"),
        ("0,8,97,98,58,tie,Airoboros,Airoboros 2,", ""),
        ("0,8,97,98,58,tie,Else,Weaver", "left"),
        ("0,9,97,98,58,tie,Airoboros,Weaver", "model_x"),
    ],
)
def test_a_fault_names_its_row_and_field_and_takes_nothing_else_along(row, field):
    good = "0,8,97,98,58,tie,Airoboros,Weaver"
    records = read(table(row, good), jsonl("results.jsonl", RESULTS), jsonl("prompts.jsonl", PROMPTS))
    [error] = of_kind(records, RowError)
    assert (error.row, error.field, error.file) == (2, field, "llmfao.csv")
    assert error.expected
    assert len(of_kind(records, ComparisonRecord)) == 1


def test_a_response_given_twice_and_a_prompt_with_two_texts_are_row_errors():
    prompts = [*PROMPTS, {**PROMPTS[0], "text": "What?"}]
    records = read(jsonl("prompts.jsonl", prompts), jsonl("results.jsonl", [*RESULTS, RESULTS[0]]))
    assert [(error.file, error.row, error.field) for error in of_kind(records, RowError)] == [
        ("prompts.jsonl", 2, "id"),
        ("results.jsonl", 3, "model"),
    ]


def test_models_alone_are_no_file_of_comparisons():
    with pytest.raises(FormatError, match="neither prompts nor responses"):
        read(jsonl("models.jsonl", [{"id": 97, "name": "Airoboros"}]))
