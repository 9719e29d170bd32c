"""Dense rewards of two real checkpoints, the shipped base with and without its adapter, and relevance in one."""

import json

import numpy as np
import pytest
from django.test import override_settings

from tests.workers.letters import item, score, signals
from workers.artefact_files import unpack_adapter
from workers.demo import train_adapter
from workers.demo.sample_outputs import FOLDER, MODEL
from workers.sources.attribution.layer_relevance import LayerRelevance
from workers.sources.fitted.weights import weights_from_bytes
from workers.sources.logprobs.checkpoint_values import CheckpointValues
from workers.sources.logprobs.implicit_prm import ImplicitPrm
from workers.sources.logprobs.length_desensitised import LengthDesensitised
from workers.sources.logprobs.logit_delta import LogitDelta
from workers.sources.logprobs.rto import Rto
from workers.sources.logprobs.uncertainty import Uncertainty

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def checkpoints(models_dir, tmp_path_factory):
    """The base and, behind it, the base with the adapter, in float32."""
    import torch

    from workers.engines.folders import resolve_model
    from workers.engines.transformers_engine import TransformersEngine

    torch.set_num_threads(1)
    weights = weights_from_bytes((train_adapter.FOLDER / train_adapter.WEIGHTS).read_bytes(), kind="implicit_prm")
    with override_settings(MODELS_DIR=tmp_path_factory.mktemp("adapters")):
        adapter = str(unpack_adapter(weights))
    return [
        TransformersEngine(resolve_model(MODEL, dtype="float32", adapter=chosen, models_dir=models_dir), device="cpu")
        for chosen in ("", adapter)
    ]


@pytest.fixture(scope="module")
def outputs():
    """The first output of each of three tasks of the demo."""
    with (FOLDER / "demo.jsonl").open(encoding="utf-8") as file:
        tasks = [json.loads(line) for line, _ in zip(file, range(3), strict=False)]
    return [
        item(task["messages"][-1]["text"], task["outputs"][0]["messages"][0]["text"], reference=task["reference"])
        for task in tasks
    ]


def by_token(source, engines, outputs, **given):
    """Values of all outputs' tokens by channel, float64."""
    found = [signals(result) for result in score(source, engines, *outputs, **given)]
    channels = {channel for channel, cut in found[0] if cut == "tokenizer"}
    return {
        channel: np.concatenate([one[channel, "tokenizer"].values for one in found]).astype(np.float64)
        for channel in channels
    }


def test_all_rewards_of_two_checkpoints_are_made_of_the_same_log_ratio(checkpoints, outputs):
    base, adapted = checkpoints
    delta = by_token(LogitDelta(), {"trained": adapted, "base": base}, outputs)
    ratio = delta["log_ratio"]
    # The adapter has learnt something, and it is no other model.
    assert 0.01 < np.abs(ratio).mean() < 2
    assert np.abs(delta["logit_delta"]).max() > 0
    np.testing.assert_allclose(delta["logit_delta"] - delta["value_delta"], ratio, atol=2e-4)
    both = {"policy": adapted, "reference": base}
    implicit = by_token(ImplicitPrm(), both, outputs, beta=0.05)["token_reward"]
    np.testing.assert_allclose(implicit, 0.05 * ratio, atol=1e-5)
    desensitised = by_token(LengthDesensitised(), both, outputs, beta=0.1, alpha=1.0)["token_reward"]
    np.testing.assert_allclose(desensitised, 0.1 * ratio, atol=2e-5)
    rto = by_token(Rto(), {"dpo": adapted, "reference": base, "policy": adapted}, outputs, bound=0.02)
    np.testing.assert_allclose(rto["dpo_term"], np.clip(0.05 * ratio, -0.02, 0.02), atol=1e-5)
    np.testing.assert_allclose(rto["kl_term"], -0.01 * ratio, atol=1e-5)


def test_a_checkpoints_values_telescope_and_equal_checkpoints_reward_nothing(checkpoints, outputs):
    base, _ = checkpoints
    found = by_token(CheckpointValues(), {"checkpoint": base}, outputs[:1])
    np.testing.assert_allclose(found["advantage"], found["q_value"] - found["state_value"], atol=2e-4)
    total = found["state_value"][0] + found["advantage"].sum()
    assert found["token_reward"].sum() == pytest.approx(total, rel=1e-4)
    nothing = by_token(Rto(), {"dpo": base, "reference": base, "policy": base}, outputs[:1])
    assert not nothing["token_reward"].any()
    entropies = by_token(Uncertainty(), {"policy": base}, outputs[:1])
    assert (entropies["entropy"] >= 0).all()


def test_the_shipped_models_relevances_account_for_all_of_its_log_odds(checkpoints, outputs):
    base, _ = checkpoints
    for attention in ("values", "weights"):
        [result] = score(LayerRelevance(), base, outputs[0], attention=attention, use_context=False)
        found = signals(result)
        number, elsewhere, gap = (
            found[name, "whole"].total for name in ("explained_number", "relevance_elsewhere", "completeness_gap")
        )
        held = found["relevance", "tokenizer"].total
        assert held + elsewhere - number == pytest.approx(gap, abs=1e-3)
        assert held != 0
