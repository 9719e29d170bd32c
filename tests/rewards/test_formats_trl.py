"""Exports for TRL: rows, files, splits, manifest and card, opened again with the reader that trainers use."""

import hashlib
import io
import json
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rewards.formats import trl
from rewards.formats.cards import DatasetFile, Manifest, dataset_card
from rewards.formats.records import OutputMessage, PromptMessage, RatingRecord
from rewards.formats.registry import EXPORT_FORMATS, IMPORT_FORMATS
from rewards.formats.row_files import ColumnType, open_writer
from rewards.formats.sources import SourceFile
from rewards.formats.splits import check_fractions, split_of

PROMPT: list[PromptMessage] = [{"role": "user", "text": "Why? 😀\r\n"}]
FRACTIONS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def answer(text: str, channel: str = "answer") -> OutputMessage:
    return {"role": "assistant", "channel": channel, "text": text}


def preference_row(prompt, chosen, rejected, margin, *, conversational):
    values = {"chosen": chosen, "rejected": rejected}
    completions = {
        name: trl.completion_value([answer(text)], conversational=conversational) for name, text in values.items()
    }
    return {"prompt": trl.prompt_value(prompt, conversational=conversational), **completions, "margin": float(margin)}


def test_plain_texts_are_strings_and_conversational_ones_lists_of_role_and_content():
    assert trl.prompt_value(PROMPT, conversational=False) == "Why? 😀\r\n"
    assert trl.completion_value([answer("good")], conversational=False) == "good"
    row = trl.unpaired_row(PROMPT, [answer("good")], label=True, conversational=True)
    assert row == {
        "prompt": [{"role": "user", "content": "Why? 😀\r\n"}],
        "completion": [{"role": "assistant", "content": "good"}],
        "label": True,
    }


def test_several_prompt_messages_are_named_by_role_in_the_plain_form():
    messages: list[PromptMessage] = [{"role": "system", "text": "Be brief."}, *PROMPT]
    assert trl.prompt_value(messages, conversational=False) == "System: Be brief.\n\nUser: Why? 😀\r\n"


def test_only_the_chosen_channels_are_trained_on():
    messages = [answer("hm", "thinking"), answer("yes")]
    assert trl.messages_in(messages) == [answer("yes")]
    assert trl.messages_in(messages, {"thinking", "answer"}) == messages
    assert trl.messages_in(messages[:1]) == []


def test_an_empty_completion_is_refused():
    with pytest.raises(ValueError, match="at least one message"):
        trl.completion_value([], conversational=False)


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_a_row_with_other_columns_is_refused(file_type):
    writer = open_writer(file_type, io.BytesIO(), trl.columns_of("unpaired", conversational=False))
    with pytest.raises(ValueError, match="a row has the columns"):
        writer.write_rows([{"prompt": "a"}])


def test_an_unknown_file_type_is_refused():
    with pytest.raises(ValueError, match="xlsx"):
        open_writer("xlsx", io.BytesIO(), {})


def test_columns_follow_the_choices():
    assert list(trl.columns_of("preference", conversational=True, margin=False, ids=True)) == [
        "prompt",
        "chosen",
        "rejected",
        "task_id",
        "chosen_id",
        "rejected_id",
    ]
    assert trl.columns_of("unpaired", conversational=False) == {
        "prompt": ColumnType.TEXT,
        "completion": ColumnType.TEXT,
        "label": ColumnType.BOOLEAN,
    }
    with pytest.raises(ValueError, match="neither"):
        trl.columns_of("stepwise", conversational=False)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30) | st.sampled_from(
    ["👩‍👩‍👧 🇩🇪", "שלום\u200f עולם", "a\r\nb\rc\n", "\u2028\u0085\ufeff", "<script>"]
)


@given(st.lists(st.tuples(texts, texts, texts, st.floats(allow_nan=False, allow_infinity=False)), max_size=6))
def test_both_file_types_hold_the_rows_exactly(values):
    columns = trl.columns_of("preference", conversational=True)
    rows = [
        preference_row([{"role": "user", "text": prompt}], chosen, rejected, margin, conversational=True)
        for prompt, chosen, rejected, margin in values
    ]
    files = {}
    for file_type in ("jsonl", "parquet"):
        file = io.BytesIO()
        writer = open_writer(file_type, file, columns)
        writer.write_rows(rows[:2])
        writer.write_rows(iter(rows[2:]))
        summary = writer.close()
        raw = file.getvalue()
        assert (summary.rows, summary.bytes) == (len(rows), len(raw))
        assert summary.sha256 == hashlib.sha256(raw).hexdigest()
        files[file_type] = io.BytesIO(raw)
    assert [json.loads(line) for line in files["jsonl"].read().split(b"\n")[:-1]] == rows
    assert pq.read_table(files["parquet"]).to_pylist() == rows


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_memory_does_not_grow_with_the_rows(file_type):
    class Nowhere(io.BytesIO):
        def write(self, data):
            return len(data)

    rows = ({"prompt": f"{n}" * 200, "completion": f"{n}" * 200, "label": True} for n in range(30_000))
    tracemalloc.start()
    try:
        writer = open_writer(file_type, Nowhere(), trl.columns_of("unpaired", conversational=False))
        writer.write_rows(rows)
        summary = writer.close()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert summary.rows == 30_000  # 60 MB of text
    assert peak < 15 * 2**20


def test_row_groups_end_before_they_are_large():
    file = io.BytesIO()
    writer = open_writer("parquet", file, trl.columns_of("unpaired", conversational=False))
    writer.write_rows({"prompt": "x" * 3_000_000, "completion": "y", "label": False} for _ in range(5))
    writer.close()
    # 3 million characters a row against a limit of 4 * 2**20: every second row ends a group.
    metadata = pq.ParquetFile(file).metadata
    assert [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)] == [2, 2, 1]


def test_splits_depend_on_task_and_seed_only():
    ids = [f"task {number}" for number in range(10_000)]
    first = {task: split_of(task, FRACTIONS, 7) for task in ids}
    assert first == {task: split_of(task, FRACTIONS, 7) for task in reversed(ids)}
    assert first != {task: split_of(task, FRACTIONS, 8) for task in ids}
    shares = {name: sum(split == name for split in first.values()) / len(ids) for name in FRACTIONS}
    # Binomial, n = 10,000: the standard deviation is at most sqrt(.8 * .2 / 10,000) = .004; four of them.
    assert all(abs(shares[name] - FRACTIONS[name]) < 0.016 for name in FRACTIONS)


def test_a_split_is_known_by_hand():
    # sha256("0\nc") begins with efc76f7d, and 0xefc76f7d / 2**32 = .9366: in the last tenth; "0\na" with 0d3b: .0517.
    assert hashlib.sha256(b"0\nc").hexdigest()[:8] == "efc76f7d"
    assert split_of("c", {"train": 0.9, "test": 0.1}, 0) == "test"
    assert split_of("a", {"train": 0.9, "test": 0.1}, 0) == "train"


@pytest.mark.parametrize(
    "fractions", [{}, {"train": 0.5}, {"train": 1.5, "test": -0.5}, {"all": 1.0}, {"my split": 1.0}, {"train": 0.0}]
)
def test_impossible_splits_are_refused(fractions):
    with pytest.raises(ValueError, match=r"split|sum"):
        check_fractions(fractions)


def make_manifest(files, columns, **changes):
    facts = {
        "name": "Preferences",
        "format": "trl_preference",
        "file_type": "jsonl",
        "rubricate_version": "0.1.0",
        "created_at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "columns": columns,
        "filters": {"raters": ["Ann"]},
        "split_seed": 7,
        "split_fractions": FRACTIONS,
        "counts": {"rows": sum(file.rows for file in files)},
        "left_out": {"ties": 3, "unscored": 1},
        "licences": {"MIT": 90, "": 10},
        "files": files,
    }
    return Manifest(**(facts | changes))


def write_dataset(folder, *, file_type, conversational):
    """Write 100 tasks with two rows each; return the rows by split."""
    columns = trl.columns_of("preference", conversational=conversational, ids=True)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in FRACTIONS}
    for number in range(100):
        prompt: list[PromptMessage] = [{"role": "user", "text": f"Question {number} 😀\r\n"}]
        for repeat in range(2):
            row = preference_row(prompt, "שלום", f"b{repeat}", number, conversational=conversational)
            ids = {"task_id": f"t{number}", "chosen_id": f"c{number}", "rejected_id": f"r{number}.{repeat}"}
            rows[split_of(f"t{number}", FRACTIONS, 7)].append(row | ids)
    files = []
    (folder / "data").mkdir()
    for split, content in rows.items():
        path = f"data/{split}.{file_type}"
        with (folder / path).open("wb") as file:
            writer = open_writer(file_type, file, columns)
            writer.write_rows(content)
            summary = writer.close()
        files.append(DatasetFile(path, split, summary.rows, summary.bytes, summary.sha256))
    manifest = make_manifest(files, columns, file_type=file_type)
    (folder / "manifest.json").write_bytes(manifest.to_bytes())
    (folder / "README.md").write_text(dataset_card(manifest), encoding="utf-8")
    return rows


@pytest.fixture
def load_dataset(tmp_path, monkeypatch):
    """The public reader, kept off the network and inside the test's own folder."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    return lambda folder: datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))


@pytest.mark.parametrize("conversational", [False, True])
@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_the_public_reader_opens_the_folder_with_the_right_types(tmp_path, load_dataset, file_type, conversational):
    folder = tmp_path / "export"
    folder.mkdir()
    rows = write_dataset(folder, file_type=file_type, conversational=conversational)
    loaded = load_dataset(folder)
    assert {split: list(content) for split, content in loaded.items()} == rows
    features = loaded["train"].features
    assert features["margin"].dtype == "float64"
    if conversational:
        assert {name: value.dtype for name, value in features["chosen"].feature.items()} == {
            "role": "string",
            "content": "string",
        }
    else:
        assert features["chosen"].dtype == "string"


def test_no_task_crosses_splits(tmp_path):
    rows = write_dataset(tmp_path, file_type="jsonl", conversational=False)
    tasks = [{row["task_id"] for row in content} for content in rows.values()]
    assert len(set.union(*tasks)) == sum(len(part) for part in tasks) == 100


def test_a_split_without_rows_is_named_but_not_offered():
    files = [
        DatasetFile("data/train.jsonl", "train", 1, 9, "0"),
        DatasetFile("data/test.jsonl", "test", 0, 0, "1"),
    ]
    card = dataset_card(make_manifest(files, trl.columns_of("unpaired", conversational=False)))
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["configs"] == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "data/train.jsonl"}]}
    ]
    assert "| data/test.jsonl | test | 0 | 0 |" in card


def test_a_dataset_of_no_rows_still_has_a_card():
    front = yaml.safe_load(dataset_card(make_manifest([], {}, licences={})).split("---\n")[1])
    assert "configs" not in front


def test_the_card_names_a_licence_only_where_all_tasks_share_it():
    def front(licences):
        return yaml.safe_load(dataset_card(make_manifest([], {}, licences=licences)).split("---\n")[1])

    assert front({"Apache-2.0": 5})["license"] == "apache-2.0"
    assert "license" not in front({"MIT": 5, "": 1})
    assert "license" not in front({"": 5})
    assert "license" not in front({"My own": 5})


def test_hostile_names_are_text_in_the_card():
    name = '<img src=x onerror="alert(1)">\n---\n# [x](javascript:1) | `'
    card = dataset_card(make_manifest([], {}, name=name, licences={name: 2}, filters={"note": name}))
    _, front, body = card.split("---\n", 2)
    assert yaml.safe_load(front)["pretty_name"] == " ".join(name.split())
    assert "<img" not in body
    assert "\n# [x]" not in body
    assert "\n---\n" not in body


def test_the_manifest_says_what_was_left_out_and_how_it_was_split():
    file = DatasetFile("data/train.jsonl", "train", 2, 9, "ab")
    manifest = json.loads(make_manifest([file], trl.columns_of("unpaired", conversational=False)).to_bytes())
    assert manifest["manifest_version"] == 1
    assert manifest["left_out"] == {"ties": 3, "unscored": 1}
    assert manifest["split"] == {"by": "task", "seed": 7, "fractions": FRACTIONS}
    assert manifest["licences"] == {"MIT": 90, "": 10}
    assert manifest["columns"] == {"prompt": "text", "completion": "text", "label": "boolean"}
    assert manifest["created_at"] == "2026-01-02T03:04:00+00:00"
    assert manifest["files"] == [{"path": "data/train.jsonl", "split": "train", "rows": 2, "bytes": 9, "sha256": "ab"}]


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        make_manifest([], {}, created_at=datetime(2026, 1, 1)).to_bytes()  # noqa: DTZ001 - the point of the test


def test_every_format_is_listed_under_its_own_name():
    assert {"rubricate_jsonl", "rubricate_csv", "healthbench", "rar"} <= set(IMPORT_FORMATS)
    assert set(EXPORT_FORMATS) >= {
        "trl_preference",
        "trl_preference_conversational",
        "trl_unpaired",
        "trl_unpaired_conversational",
        "healthbench",
        "rar",
    }
    for name, read in IMPORT_FORMATS.items():
        assert (read.name, bool(read.title), bool(read.help)) == (name, True, True)
    for name, write in EXPORT_FORMATS.items():
        assert (write.name, bool(write.title), bool(write.help)) == (name, True, True)
    assert EXPORT_FORMATS["trl_unpaired"].columns()["label"] == ColumnType.BOOLEAN


def test_options_have_defaults_and_unknown_ones_are_refused():
    sparse = IMPORT_FORMATS["sparse_feedback"]

    def rater(options):
        *_, rating = sparse.read([SourceFile("r.csv", io.BytesIO(b"Do,,x,4\r\n"))], options)
        assert isinstance(rating, RatingRecord)
        return rating.rater

    assert rater(None) == rater({"rater": ""}) == "AI annotator"
    assert rater({"rater": "Ann"}) == "Ann"
    with pytest.raises(ValueError, match="no option colour"):
        sparse.read([], {"colour": "red"})
