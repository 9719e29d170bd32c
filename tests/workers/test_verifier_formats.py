"""Layout and JSON: every condition by hand, schemas that lead astray, and answers that cannot be parsed."""

import json
import socket

import pytest

from rewards.parameters import ParameterError
from tests.workers.verifying import correct, values, verified
from workers.sources.contract import OutputMessage
from workers.sources.results import Unscored
from workers.sources.verifiers.json_schema import JsonSchema
from workers.sources.verifiers.tag_format import TagFormat

FORMAT, SCHEMA = TagFormat(), JsonSchema()
GOOD = "<think>Two and two.</think>\n<answer>4</answer>"
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z]"},
        "age": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "note": {"type": "string"},
    },
    "required": ["name", "age"],
}


def test_tags_in_order_with_text_and_nothing_outside_are_well_formed():
    assert values(verified(FORMAT, GOOD)) == {"correct": 1, "well_formed": 1}


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        # Nine conditions: four for each tag, and that nothing stands outside.
        (f"Sure. {GOOD}", 1),
        ("<think></think><answer>4</answer>", 1),
        ("<think>a</think><answer>4</answer><answer>5</answer>", 3),
        # The answer before the thinking: order fails for `answer`, and so does the outside.
        ("<answer>4</answer><think>a</think>", 2),
        # Not closed: closed once, order of both, holds text (nothing up to an end that is not there), outside.
        ("4", 9),
    ],
)
def test_each_broken_condition_takes_off_its_share(text, broken):
    found = values(verified(FORMAT, text))
    assert found["correct"] == 0
    assert found["well_formed"] == pytest.approx(1 - broken / 9)


def test_what_is_broken_is_said():
    result = verified(FORMAT, f"Sure. {GOOD}")
    assert [critique.text for critique in result.critiques] == ["Not so: no text stands outside the tags."]
    assert verified(FORMAT, GOOD).critiques == ()


def test_text_outside_may_be_allowed_and_thinking_may_have_a_channel_of_its_own():
    assert correct(FORMAT, f"Sure. {GOOD}", text_outside=True) == 1
    thinking = OutputMessage("assistant", "Two and two.", channel="thinking")
    assert correct(FORMAT, thinking, "<answer>4</answer>") == 1
    assert correct(FORMAT, "<answer>4</answer>") == 0


def test_headings_stand_on_lines_of_their_own_in_order():
    text = "## Summary\nIt works.\n\n**Findings:**\nNone.\n3. Outlook\nFine."
    asked = {"tags": "", "headings": "Summary, Findings, Outlook"}
    assert values(verified(FORMAT, text, **asked)) == {"correct": 1, "well_formed": 1}
    assert values(verified(FORMAT, "Findings\nSummary", **asked))["well_formed"] == pytest.approx(1 / 3)
    assert correct(FORMAT, "In Summary we say", tags="", headings="Summary") == 0


def test_a_format_that_asks_for_nothing_or_nonsense_is_refused():
    for tags, problem in (("", "give a tag or a heading"), ("<think>", "no name of a tag"), ("a, a", "stands once")):
        with pytest.raises(ParameterError, match=problem):
            verified(FORMAT, GOOD, tags=tags)


def schema_values(answer: str, schema: object = PERSON, **given) -> dict[str, float]:
    return values(verified(SCHEMA, answer, json_schema=json.dumps(schema), **given))


def test_valid_json_is_right_and_all_its_fields_are():
    assert schema_values('{"name": "Ada", "age": 36}') == {"correct": 1, "valid_fields": 1, "errors": 0}


@pytest.mark.parametrize(
    ("answer", "fields", "errors"),
    [
        # Of name, age, tags and note: note and tags may be missing, age is wrong.
        ('{"name": "Ada", "age": -1}', 3 / 4, 1),
        ('{"name": "ada", "age": 36}', 3 / 4, 1),
        # name is required and missing: the error lies at the top, the field does not count.
        ('{"age": 36}', 3 / 4, 1),
        # Two wrong tags are two errors in one field.
        ('{"name": "Ada", "age": 36, "tags": [1, 2]}', 3 / 4, 2),
        ('{"name": "Ada", "age": 36, "tags": ["a", "a"]}', 3 / 4, 1),
        ("{}", 2 / 4, 2),
        ("[]", 0, 1),
    ],
)
def test_fields_without_an_error_are_counted(answer, fields, errors):
    assert schema_values(answer) == {"correct": 0, "valid_fields": pytest.approx(fields), "errors": errors}


def test_what_is_wrong_is_said_by_path():
    result = verified(SCHEMA, '{"name": "Ada", "age": -1}', json_schema=json.dumps(PERSON))
    assert [critique.text for critique in result.critiques] == ["$.age: -1 is less than the minimum of 0"]


def test_json_may_stand_in_a_fenced_block_unless_it_must_be_the_whole():
    fenced = 'Here:\n```json\n{"name": "Ada", "age": 36}\n```\nDone.'
    assert schema_values(fenced)["correct"] == 1
    assert schema_values(fenced, found_in="whole")["correct"] == 0


@pytest.mark.parametrize(
    "answer",
    ["no JSON", "{", '{"a": NaN}', "[" * 100_000, "1" * 5_000, '{"a": 1} {"b": 2}'],
    ids=["prose", "cut", "not a number", "nested", "long number", "two"],
)
def test_what_is_not_json_is_a_wrong_answer_not_a_failure(answer):
    assert schema_values(answer) == {"correct": 0, "valid_fields": 0, "errors": 1}
    unscored = verified(SCHEMA, answer, json_schema="{}", no_answer="unscored")
    assert isinstance(unscored, Unscored)
    assert unscored.reason == "no_answer"


def test_a_tasks_own_schema_stands_in_its_metadata():
    assert correct(SCHEMA, '{"name": "Ada", "age": 36}', metadata={"json_schema": PERSON}) == 1
    assert verified(SCHEMA, "{}", metadata={"json_schema": {"type": "person"}}).reason == "invalid_schema"
    assert verified(SCHEMA, "{}", metadata={"other": 1}).reason == "no_schema"


@pytest.mark.parametrize(
    "schema",
    ['{"type": "person"}', "{", '{"pattern": "("}', "[" * 2_000],
    ids=["type", "cut", "pattern", "nested"],
)
def test_a_schema_that_is_none_is_refused_before_the_run(schema):
    with pytest.raises(ParameterError, match="json_schema"):
        verified(SCHEMA, "{}", json_schema=schema)


def test_a_schema_cannot_make_the_worker_fetch_anything(monkeypatch):
    def connect(*_):
        raise AssertionError("a schema's reference was fetched")

    monkeypatch.setattr(socket.socket, "connect", connect)
    result = verified(SCHEMA, "{}", metadata={"json_schema": {"$ref": "http://127.0.0.1:9/schema.json"}})
    assert isinstance(result, Unscored)
    assert result.reason == "invalid_schema"


def test_a_schema_that_refers_to_itself_without_end_is_no_result():
    result = verified(SCHEMA, "{}", metadata={"json_schema": {"$ref": "#"}})
    assert isinstance(result, Unscored)
    assert result.reason == "invalid_schema"


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        ({"pattern": "^(a|a|aa)+$"}, json.dumps("a" * 40 + "!")),
        ({"patternProperties": {"^(a|a|aa)+$": {}}}, json.dumps({"a" * 40 + "!": 1})),
        ({"patternProperties": {"^(a|a|aa)+$": {}}, "additionalProperties": False}, json.dumps({"a" * 40 + "!": 1})),
        # Each level tries both ways through all levels below: two to the thirtieth.
        (
            {
                "$defs": {
                    str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}, {"$ref": f"#/$defs/{n + 1}"}]} for n in range(30)
                }
                | {"30": False},
                "$ref": "#/$defs/0",
            },
            "1",
        ),
    ],
    ids=["pattern", "names", "other names", "alternatives"],
)
def test_a_schema_that_takes_for_ever_does_not_hold_the_worker(monkeypatch, schema, answer):
    monkeypatch.setattr("workers.sources.verifiers.json_schema.PATTERN_SECONDS", 0.05)
    monkeypatch.setattr("workers.sources.verifiers.json_schema.MOST_SECONDS", 0.2)
    result = verified(SCHEMA, answer, metadata={"json_schema": schema})
    assert isinstance(result, Unscored)
    assert result.reason == "timed_out"


def test_own_keywords_agree_with_the_standard():
    closed = {"properties": {"a": {}}, "patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False}
    assert schema_values('{"a": 1, "x1": 2}', closed)["errors"] == 0
    assert schema_values('{"a": 1, "x1": "2"}', closed)["errors"] == 1
    assert schema_values('{"b": 1}', closed)["errors"] == 1
    assert schema_values('{"b": 1}', {"additionalProperties": {"type": "string"}})["errors"] == 1
    for items, is_unique in (
        ("[1, true]", True),
        ("[1, 1.0]", False),
        ('[{"a": 1}, {"a": 1.0}]', False),
        ("[[], {}]", True),
    ):
        assert schema_values(items, {"uniqueItems": True})["correct"] == is_unique
