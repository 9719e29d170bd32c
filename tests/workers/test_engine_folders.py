"""Finding, checking, hashing, converting and keeping models."""

import errno
import hashlib
import json
import shutil
import subprocess
import sys
import threading
import weakref
from functools import partial
from typing import Any

import pytest

from workers.engines import package_models
from workers.engines.contract import EngineError, ErrorCode
from workers.engines.folders import resolve_model
from workers.engines.loaded import LoadedModels
from workers.engines.packing import pack_by_length


def resolve(folder, **kwargs):
    return resolve_model(str(folder), models_dir=folder.parent, **kwargs)


@pytest.fixture
def folder(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "model")


def refused(call):
    with pytest.raises(EngineError) as caught:
        call()
    assert "\n" not in caught.value.message
    return caught.value


def test_a_folder_is_identified_by_its_files_and_not_by_its_place(folder, tiny_folder):
    here, there = resolve(folder), resolve(tiny_folder)
    assert here.identity == there.identity
    assert here.identity["dtype"] == "bfloat16"
    assert here.weights.startswith("sha256:")
    assert here.context_length == 512


def test_every_change_of_a_folder_changes_the_hash_that_it_concerns(folder):
    before = resolve(folder)
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    template = resolve(folder)
    assert template.weights != before.weights
    assert template.chat_template != before.chat_template
    assert template.tokenizer == before.tokenizer
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "pad_token": "<|endoftext|>"}))
    assert resolve(folder).tokenizer != before.tokenizer
    assert resolve(folder, dtype="float32").identity["dtype"] == "float32"


def test_parameters_are_counted_from_the_header(folder):
    # Tied embedding 299x32; by layer: q and o 32x32, k and v 16x32, three 32x64 and two norms; last norm.
    layer = 2 * 32 * 32 + 2 * 16 * 32 + 3 * 32 * 64 + 2 * 32
    assert resolve(folder).parameter_count == json_vocab(folder) * 32 + 2 * layer + 32
    assert resolve(folder, dtype="float32").weight_bytes == 4 * resolve(folder).parameter_count


def json_vocab(folder):
    return json.loads((folder / "config.json").read_text())["vocab_size"]


def test_bad_references_are_refused_in_one_line(tmp_path):
    assert refused(lambda: resolve(tmp_path / "none")).code == ErrorCode.MODEL_MISSING
    assert refused(lambda: resolve(tmp_path)).code == ErrorCode.MODEL_INVALID
    for reference in ["package:no-such", "just-a-name", "http://host/model", "a/b/c"]:
        error = refused(lambda reference=reference: resolve_model(reference, models_dir=tmp_path))
        assert error.code == ErrorCode.MODEL_MISSING
    assert refused(lambda: resolve_model("owner/name", models_dir=tmp_path)).code == ErrorCode.MODEL_INVALID
    assert refused(lambda: resolve(tmp_path, dtype="int3")).code == ErrorCode.UNSUPPORTED


def test_a_hub_model_is_identified_by_the_commit_that_its_revision_stands_for(folder, monkeypatch, tmp_path):
    commit = tmp_path / ("a" * 40)
    shutil.copytree(folder, commit)
    asked: dict[str, object] = {}

    def snapshot_download(reference, *, revision, allow_patterns):
        asked.update(reference=reference, revision=revision, patterns=allow_patterns)
        return str(commit)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    resolved = resolve_model("owner/name", revision="main", models_dir=tmp_path)
    assert resolved.weights == "a" * 40
    assert asked["revision"] == "main"
    assert asked["patterns"] == ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]


def test_a_hub_model_that_cannot_be_fetched_is_missing(monkeypatch, tmp_path):
    def snapshot_download(*args, **kwargs):
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    error = refused(lambda: resolve_model("owner/name", revision="main", models_dir=tmp_path))
    assert error.code == ErrorCode.MODEL_MISSING


def test_pickled_weights_are_refused(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    error = refused(lambda: resolve(folder))
    assert error.code == ErrorCode.MODEL_INVALID
    assert "safetensors" in error.message


def test_a_model_with_code_of_its_own_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModelForCausalLM": "evil.Model"}}))
    assert refused(lambda: resolve(folder)).code == ErrorCode.UNSUPPORTED


def test_a_path_outside_the_allowed_folders_is_refused_like_one_that_is_not_there(folder, tmp_path):
    assert resolve(folder, allowed_roots=[tmp_path]).path == folder
    outside = refused(lambda: resolve(folder, allowed_roots=[tmp_path / "other"]))
    climbing = refused(
        lambda: resolve_model(f"{tmp_path}/other/../model", models_dir=tmp_path, allowed_roots=[tmp_path / "other"])
    )
    assert outside.code == climbing.code == ErrorCode.MODEL_MISSING


def test_cut_weights_are_refused(folder):
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:100])
    assert refused(lambda: resolve(folder)).code == ErrorCode.MODEL_INVALID


def test_weights_that_do_not_fit_the_config_are_refused_when_loaded(folder):
    from workers.engines.transformers_engine import TransformersEngine

    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-100])
    resolved = resolve(folder)
    assert refused(lambda: TransformersEngine(resolved, device="cpu")).code == ErrorCode.MODEL_INVALID


def test_a_model_too_big_for_memory_is_refused_before_loading(folder, monkeypatch):
    from workers.engines import memory, transformers_engine

    monkeypatch.setattr(memory, "_available_memory", lambda: 1000)
    monkeypatch.setattr(transformers_engine, "load_pretrained", lambda *args: pytest.fail("was loaded"))
    resolved = resolve(folder)
    error = refused(lambda: transformers_engine.TransformersEngine(resolved, device="cpu"))
    assert error.code == ErrorCode.MODEL_TOO_BIG


def test_a_model_is_converted_once_and_appears_whole(tmp_path, monkeypatch):
    source = tmp_path / "model.gguf"
    source.write_bytes(b"weights")
    calls = []

    def convert(path, folder):
        calls.append(path)
        (folder / "config.json").write_text("{}")
        assert not target.exists(), "nothing is seen before it is whole"

    target = tmp_path / "models" / "converted"
    monkeypatch.setattr(package_models, "convert_gguf", convert)
    sha256 = hashlib.sha256(b"weights").hexdigest()
    threads = [threading.Thread(target=package_models.convert_once, args=(source, sha256, target)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert (target / "config.json").read_text() == "{}"
    assert [path.name for path in target.parent.iterdir() if path.is_dir()] == ["converted"]


def test_a_conversion_of_the_wrong_file_or_on_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    source = tmp_path / "model.gguf"
    source.write_bytes(b"tampered")
    target = tmp_path / "models" / "converted"
    error = refused(lambda: package_models.convert_once(source, "0" * 64, target))
    assert error.code == ErrorCode.MODEL_CHECKSUM

    def full(path, folder):
        (folder / "half").write_text("x")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(package_models, "convert_gguf", full)
    sha256 = hashlib.sha256(b"tampered").hexdigest()
    assert refused(lambda: package_models.convert_once(source, sha256, target)).code == ErrorCode.DISK_FULL
    assert [path for path in target.parent.iterdir() if path.is_dir()] == []


def test_a_package_that_is_not_installed_is_named(tmp_path, monkeypatch):
    model = package_models.PackageModel("no-such-package", "a/b.gguf", "0" * 64, "MIT", "")
    monkeypatch.setitem(package_models.PACKAGE_MODELS, "no-such-package", model)
    error = refused(lambda: resolve_model("package:no-such-package", models_dir=tmp_path))
    assert "pip install" in error.message


def test_the_least_recently_used_model_is_let_go():
    held: LoadedModels[str] = LoadedModels(capacity=2)
    loads = []

    def get(name):
        def load():
            loads.append(name)
            return name

        return held.get(name, load)

    for name in ["a", "b", "a", "c", "a", "b"]:
        assert get(name) == name
    assert loads == ["a", "b", "c", "b"]
    assert held.keys() == ["a", "b"]


def test_a_model_that_does_not_fit_lets_go_of_as_many_as_it_takes_the_least_used_first():
    held: LoadedModels[str] = LoadedModels(capacity=4)
    sizes = {"a": 2, "b": 3, "c": 1, "d": 4}

    def load(name):
        # Not keys(): loading holds the lock.
        kept: list[Any] = list(held._models)
        if sum(sizes[other] for other in kept) + sizes[name] > 8:
            raise EngineError(ErrorCode.MODEL_TOO_BIG, "no room")
        return name

    for name in ("a", "b", "c", "a"):
        held.get(name, partial(load, name))
    # b (3), c (1) and a (2) are held, b for longest: with it gone d fits.
    assert held.get("d", lambda: load("d")) == "d"
    assert held.keys() == ["c", "a", "d"]
    assert refused(lambda: held.get("e", too_big)).code == ErrorCode.MODEL_TOO_BIG
    assert held.keys() == []


def test_what_is_let_go_of_for_another_model_frees_its_memory_at_once():
    class Model:
        def __init__(self):
            self.me = self

    held: LoadedModels[Model] = LoadedModels(capacity=1)
    first = weakref.ref(held.get("a", Model))
    held.get("b", lambda: Model() if first() is None else pytest.fail("still there"))


def too_big():
    raise EngineError(ErrorCode.MODEL_TOO_BIG, "never fits")


def write_gguf(path, folder):
    """The tiny model as llama.cpp writes one: rotary pairs side by side, metadata and tokenizer in one file."""
    import gguf
    from safetensors.torch import load_file

    config = json.loads((folder / "config.json").read_text())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokens = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_vocab_size(config["vocab_size"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith("<|") else 1 for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])
    for role, number in (("bos", 1), ("eos", 2), ("pad", 2), ("unk", 0)):
        getattr(writer, f"add_{role}_token_id")(number)
    writer.add_chat_template((folder / "chat_template.jinja").read_text())
    names = {
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    outer = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    for name, tensor in load_file(folder / "model.safetensors").items():
        values = tensor.float().numpy()
        if name in outer:
            writer.add_tensor(outer[name], values)
            continue
        _, _, layer, kind = name.removesuffix(".weight").split(".", 3)
        for part, count in (("q_proj", heads), ("k_proj", key_heads)):
            if kind.endswith(part):
                halves = values.reshape(count, 2, values.shape[0] // count // 2, values.shape[1])
                values = halves.swapaxes(1, 2).reshape(values.shape).copy()
        writer.add_tensor(f"blk.{layer}.{names[kind]}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_file_of_ones_own_is_converted_once_and_gives_the_same_weights(tiny_folder, tmp_path, monkeypatch):
    import torch
    from safetensors.torch import load_file

    source = write_gguf(tmp_path / "mine.gguf", tiny_folder)
    models = tmp_path / "models"

    def found():
        return resolve_model(str(source), dtype="float32", models_dir=models, allowed_roots=[tmp_path])

    first = found()
    assert first.path.parent == models
    assert first.context_length == 512
    converted, original = (load_file(folder / "model.safetensors") for folder in (first.path, tiny_folder))
    assert converted.keys() == original.keys()
    for name, tensor in original.items():
        assert torch.equal(converted[name], tensor.to(torch.bfloat16)), name
    monkeypatch.setattr(package_models, "convert_gguf", lambda *args: pytest.fail("converted again"))
    assert found() == first
    outside = refused(lambda: resolve_model(str(source), models_dir=models, allowed_roots=[models]))
    assert outside.code == ErrorCode.MODEL_MISSING


def test_a_gguf_file_that_is_none_or_of_another_architecture_is_refused(tmp_path):
    import gguf

    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"not a model")
    assert refused(lambda: resolve_model(str(broken), models_dir=tmp_path / "m")).code == ErrorCode.MODEL_INVALID
    writer = gguf.GGUFWriter(tmp_path / "other.gguf", "mamba")
    writer.add_tokenizer_model("gpt2")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    error = refused(lambda: resolve_model(str(tmp_path / "other.gguf"), models_dir=tmp_path / "m"))
    assert error.code == ErrorCode.UNSUPPORTED
    assert "mamba" in error.message


def test_texts_are_packed_by_length_under_the_budget():
    # Longest first: 9 alone (2 x 9 > 12); 4, 3, 3 fill 12; 1 starts anew because 4 x 4 > 12.
    assert pack_by_length([3, 9, 1, 4, 3], 12) == [[1], [3, 0, 4], [2]]
    assert pack_by_length([50], 12) == [[0]]
    assert pack_by_length([], 12) == []
    assert pack_by_length([0, 0], 12) == [[0, 1]]


def test_the_contracts_and_sources_import_without_a_model_library():
    code = (
        "import sys, workers.engines.loading, workers.engines.loaded, workers.sources.registry;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'gguf', 'huggingface_hub')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
