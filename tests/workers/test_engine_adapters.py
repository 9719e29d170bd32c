"""Low-rank adapters: checked against their model, hashed into its identity, merged into its weights."""

import json
import shutil

import numpy as np
import pytest

from workers.engines.contract import Continuation, EngineError, ErrorCode, Prompt
from workers.engines.folders import resolve_model
from workers.engines.loading import load_engine

RANK, ALPHA = 2, 8


@pytest.fixture
def adapter(tiny_folder, tmp_path):
    """Random low-rank weights on the queries of the tiny model, as peft stores them."""
    return write_adapter(tmp_path / "adapter", base=str(tiny_folder))


def write_adapter(folder, *, base, width=32, **changes):
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": RANK,
        "lora_alpha": ALPHA,
        "target_modules": ["q_proj"],
    }
    (folder / "adapter_config.json").write_text(json.dumps({**config, **changes}))
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for layer in range(2):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        weights[f"{name}.lora_A.weight"] = torch.randn(RANK, width, generator=generator)
        weights[f"{name}.lora_B.weight"] = torch.randn(width, RANK, generator=generator)
    save_file(weights, folder / "adapter_model.safetensors")
    return folder


def resolve(tiny_folder, adapter, **options):
    return resolve_model(
        str(tiny_folder), dtype="float32", adapter=str(adapter), models_dir=tiny_folder.parent, **options
    )


def refused(call):
    with pytest.raises(EngineError) as caught:
        call()
    assert caught.value.code == ErrorCode.ADAPTER_INVALID
    assert "\n" not in caught.value.message
    return caught.value.message


def test_an_adapter_adds_the_product_of_its_matrices_to_the_weights(tiny_folder, adapter):
    from safetensors.torch import load_file

    engine = load_engine(resolve(tiny_folder, adapter), device="cpu")
    base, low = load_file(tiny_folder / "model.safetensors"), load_file(adapter / "adapter_model.safetensors")
    merged = engine._model.state_dict()
    for layer in range(2):
        name = f"model.layers.{layer}.self_attn.q_proj"
        # LoRA, section 4.1: W + alpha / r * B A.
        product = low[f"base_model.model.{name}.lora_B.weight"] @ low[f"base_model.model.{name}.lora_A.weight"]
        expected = base[f"{name}.weight"] + ALPHA / RANK * product
        np.testing.assert_allclose(merged[f"{name}.weight"].numpy(), expected.numpy(), atol=1e-5)
    assert sorted(merged) == sorted(load_engine(resolve_plain(tiny_folder), device="cpu")._model.state_dict())


def resolve_plain(tiny_folder):
    return resolve_model(str(tiny_folder), dtype="float32", models_dir=tiny_folder.parent)


def test_an_adapted_model_has_another_identity_and_other_values_and_still_shares(tiny_folder, adapter, tiny_engine):
    adapted = load_engine(resolve(tiny_folder, adapter), device="cpu")
    assert adapted.identity["weights"] != tiny_engine.identity["weights"]
    assert adapted.identity["weights"].startswith(tiny_engine.identity["weights"])
    assert adapted.prefix_sharing == "yes"
    request = Continuation(Prompt(plain_text="the cat"), " sat on the mat")
    [with_adapter], [without] = adapted.logprobs([request]), tiny_engine.logprobs([request])
    assert np.abs(with_adapter.logprobs - without.logprobs).max() > 0.01
    before = resolve(tiny_folder, adapter).identity
    shutil.rmtree(adapter)
    write_adapter(adapter, base=str(tiny_folder), lora_alpha=16)
    assert resolve(tiny_folder, adapter).identity != before


def test_an_adapter_of_another_model_is_refused_by_both_names(tiny_folder, tmp_path):
    other = write_adapter(tmp_path / "other", base="owner/Other-7B")
    message = refused(lambda: resolve(tiny_folder, other))
    assert "other-7b" in message
    assert "tiny" in message


def test_weights_that_do_not_fit_the_model_are_refused(tiny_folder, tmp_path):
    wide = write_adapter(tmp_path / "wide", base=str(tiny_folder), width=64)
    refused(lambda: load_engine(resolve(tiny_folder, wide), device="cpu"))
    elsewhere = write_adapter(tmp_path / "elsewhere", base=str(tiny_folder), target_modules=["k_proj"])
    assert "does not fit" in refused(lambda: load_engine(resolve(tiny_folder, elsewhere), device="cpu"))


def test_adapters_that_are_pickled_cut_of_another_type_or_not_there_are_refused(tiny_folder, adapter, tmp_path):
    assert "IA3" in refused(
        lambda: resolve(tiny_folder, write_adapter(tmp_path / "ia3", base=str(tiny_folder), peft_type="IA3"))
    )
    code = {"parent_library": "evil"}
    assert "never run" in refused(
        lambda: resolve(tiny_folder, write_adapter(tmp_path / "code", base=str(tiny_folder), auto_mapping=code))
    )
    weights = adapter / "adapter_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-40])
    refused(lambda: load_engine(resolve(tiny_folder, adapter), device="cpu"))
    weights.rename(adapter / "adapter_model.bin")
    assert "pickled" in refused(lambda: resolve(tiny_folder, adapter))
    (adapter / "adapter_config.json").write_text("[")
    assert "not JSON" in refused(lambda: resolve(tiny_folder, adapter))
    assert "no adapter_config.json" in refused(lambda: resolve(tiny_folder, tmp_path))
    assert "no folder" in refused(lambda: resolve(tiny_folder, tmp_path / "none"))


def test_an_adapter_outside_the_allowed_folders_or_without_a_revision_is_refused(tiny_folder, adapter, tmp_path):
    roots = [tiny_folder.parent]
    assert "takes models from" in refused(lambda: resolve(tiny_folder, adapter, allowed_roots=roots))
    assert "owner/name@revision" in refused(lambda: resolve(tiny_folder, "owner/name"))


def test_an_adapter_of_the_hub_is_fetched_at_its_revision(tiny_folder, adapter, monkeypatch):
    asked = {}

    def snapshot_download(reference, *, revision, allow_patterns):
        asked.update(reference=reference, revision=revision)
        return str(adapter)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    found = resolve(tiny_folder, "owner/adapter@v1")
    assert asked == {"reference": "owner/adapter", "revision": "v1"}
    assert found.adapter.path == adapter
