"""The implicit process reward's adapter on a tiny model: loss, gradient, training, and the model that comes of it."""

import math

import numpy as np
import pytest

from rewards.parameters import validate_parameters
from tests.workers.fitting import row, rows
from tests.workers.tiny_model import build_tiny_model
from workers import artefact_files
from workers.engines.contract import EngineError, ErrorCode
from workers.engines.encoding import Encoder
from workers.engines.folders import resolve_model
from workers.engines.pretrained import load_pretrained
from workers.engines.transformers_engine import TransformersEngine
from workers.sources.fitted.weights import FittedWeights, weights_from_bytes
from workers.sources.logprobs.implicit_prm import ImplicitPrm
from workers.sources.results import Scored
from workers.training.contract import FitError, LeftOut
from workers.training.examples import examples_from_rows, prepared
from workers.training.implicit_prm import AdapterTraining, ImplicitPrmTrainer, _encoded, cross_entropy

BETA = 0.05
PARAMETERS = {"epochs": 2, "batch": 8, "learning_rate": 2e-2, "beta": 0.5, "rank": 2}


class Tiny:
    """A base that is a folder."""

    def __init__(self, folder):
        self._folder = folder

    def engine(self):
        return TransformersEngine(self.resolved(), device="cpu")

    def resolved(self):
        return resolve_model(str(self._folder), dtype="float32", models_dir=self._folder.parent)


def silent(words, *, curve=None):
    assert words


def examples():
    found = list(examples_from_rows(("train", one) for one in rows()))
    return prepared(found, held_out_share=0.3, most=1000, seed=0, needs_both_labels=True)


def encoded_of(folder, some):
    tokenizer, model = load_pretrained(Tiny(folder).resolved(), "cpu")
    parameters = validate_parameters(ImplicitPrmTrainer.declaration.all_parameters, {})
    return model, list(_encoded(some, Encoder(tokenizer, 512), parameters, LeftOut()))


@pytest.fixture(scope="module")
def trained(tiny_folder):
    trainer = ImplicitPrmTrainer()
    parameters = validate_parameters(trainer.declaration.all_parameters, PARAMETERS)
    return trainer.fit(examples(), Tiny(tiny_folder), parameters, seed=0, progress=silent)


@pytest.fixture
def adapted(trained, tiny_folder, tmp_path, settings):
    """The tiny model with the adapter that was trained, as an endpoint would load it."""
    settings.MODELS_DIR = tmp_path
    folder = artefact_files.unpack_adapter(trained.weights)
    resolved = resolve_model(str(tiny_folder), dtype="float32", adapter=str(folder), models_dir=tmp_path)
    return TransformersEngine(resolved, device="cpu")


@pytest.mark.parametrize("label", [True, False])
@pytest.mark.parametrize("logit", [-30.0, -2.0, 0.0, 0.7, 30.0])
def test_cross_entropy_and_its_gradient_are_those_of_the_formula(logit, label):
    import torch

    def loss(value: float) -> float:
        # -[l log sigmoid(r) + (1 - l) log(1 - sigmoid(r))], by log1p so that it does not round to log 0.
        return math.log1p(math.exp(-value if label else value))

    given = torch.tensor(logit, dtype=torch.float64, requires_grad=True)
    found = cross_entropy(given, label=label)
    found.backward()
    assert found.item() == pytest.approx(loss(logit), abs=1e-12)
    step = 1e-5
    assert given.grad.item() == pytest.approx((loss(logit + step) - loss(logit - step)) / (2 * step), abs=1e-8)
    assert given.grad.item() == pytest.approx(1 / (1 + math.exp(-logit)) - label, abs=1e-12)


def test_gradient_of_the_adapter_is_that_of_finite_differences(tiny_folder):
    import torch

    model, encoded = encoded_of(tiny_folder, examples()[:2])
    training = AdapterTraining(model.double(), rank=2, beta=BETA, seed=0)
    # Where one factor is zero the other has no gradient: so that both are looked at, neither is.
    generator = torch.Generator().manual_seed(1)
    for parameter in training._trained:
        parameter.data = 0.05 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    references = [-40.0, -60.0]
    training._accumulate(encoded, references)
    # The model's norms round to float32: a smaller step would drown in it.
    step = 5e-3
    for parameter in (training._trained[0], training._trained[1]):
        kept, gradient = parameter.data.clone(), parameter.grad.flatten()
        place = int(gradient.abs().argmax())
        losses = []
        for sign in (1, -1):
            parameter.data = kept.clone()
            parameter.data.view(-1)[place] += sign * step
            with torch.no_grad():
                logits = [
                    BETA * (training.log_probability(one) - reference)
                    for one, reference in zip(encoded, references, strict=True)
                ]
                losses.append(
                    float(
                        sum(cross_entropy(r, label=one.example.label) for r, one in zip(logits, encoded, strict=True))
                    )
                )
        parameter.data = kept
        assert gradient[place].item() == pytest.approx((losses[0] - losses[1]) / 2 / (2 * step), rel=5e-3)


def test_an_adapter_that_has_learnt_nothing_says_nothing(tiny_folder):
    model, encoded = encoded_of(tiny_folder, examples()[:8])
    training = AdapterTraining(model, rank=2, beta=BETA, seed=0)
    np.testing.assert_allclose(training.logits(encoded), 0, atol=1e-6)
    # Of queries and values of two layers: 2 * (32 + 32) and 2 * (32 + 16) numbers each.
    assert training.n_trained == 2 * (128 + 96)


@pytest.mark.models
def test_right_and_wrong_outputs_are_told_apart_after_training(trained):
    curve, held_out = trained.metrics["curve"], trained.metrics["held_out"]
    assert curve[0]["train"] == pytest.approx(math.log(2), abs=1e-3)
    assert curve[-1]["train"] < 0.4
    assert curve[-1]["held_out"] == pytest.approx(held_out["loss"])
    assert held_out["auroc"]["value"] > 0.95
    assert held_out["n"] + trained.metrics["train"]["n"] == 40


@pytest.mark.models
def test_the_same_seed_trains_the_same_bytes(trained, tiny_folder):
    trainer = ImplicitPrmTrainer()
    parameters = validate_parameters(trainer.declaration.all_parameters, PARAMETERS)
    again = trainer.fit(examples(), Tiny(tiny_folder), parameters, seed=0, progress=silent)
    assert again.weights.to_bytes() == trained.weights.to_bytes()


@pytest.mark.models
def test_implicit_steps_of_base_and_adapter_sum_to_the_logit_that_was_trained(
    trained, adapted, tiny_engine, tiny_folder
):
    some = examples()[:12]
    _, encoded = encoded_of(tiny_folder, some)
    source = ImplicitPrm()
    given = {"beta": 0.5, "aggregate": "sum", "use_context": False}
    parameters = validate_parameters(source.declaration.parameters, given)
    engines = {"policy": adapted, "reference": tiny_engine}
    results = source.score([example.item for example in some], engines, parameters)
    logits = []
    for result in results:
        assert isinstance(result, Scored)
        values = {(found.channel, found.signal.segmentation.segmenter): found.signal.values for found in result.signals}
        by_channel = {channel: value for (channel, _), value in values.items()}
        assert np.nansum(by_channel["token_reward"]) == pytest.approx(by_channel["response_score"][0], abs=1e-4)
        assert np.nansum(by_channel["step_reward"]) == pytest.approx(by_channel["response_score"][0], abs=1e-4)
        logits.append(float(by_channel["response_score"][0]))
    assert len(encoded) == len(some)
    labels = [example.label for example in some]
    assert min(r for r, label in zip(logits, labels, strict=True) if label) > max(
        r for r, label in zip(logits, labels, strict=True) if not label
    )


@pytest.mark.models
def test_the_merged_model_gives_the_logits_of_training(trained, adapted, tiny_engine, tiny_folder):
    some = examples()[:12]
    model, encoded = encoded_of(tiny_folder, some)
    training = AdapterTraining(model, rank=2, beta=0.5, seed=0)
    import torch
    from peft import set_peft_model_state_dict

    set_peft_model_state_dict(
        training._model, {name: torch.tensor(array) for name, array in trained.weights.arrays.items()}
    )
    source = ImplicitPrm()
    parameters = validate_parameters(
        source.declaration.parameters, {"beta": 0.5, "aggregate": "sum", "use_context": False}
    )
    results = source.score(
        [example.item for example in some], {"policy": adapted, "reference": tiny_engine}, parameters
    )
    scores = [
        next(float(found.signal.values[0]) for found in result.signals if found.channel == "response_score")
        for result in results
    ]
    np.testing.assert_allclose(scores, training.logits(encoded), atol=2e-4)


@pytest.mark.models
def test_the_adapters_file_says_what_it_belongs_to_and_no_path_of_this_machine(trained, tiny_folder):
    data = trained.weights.to_bytes()
    found = weights_from_bytes(data, kind="implicit_prm")
    assert found.base == Tiny(tiny_folder).resolved().identity
    assert str(tiny_folder.parent).encode() not in data
    assert trained.metrics["trained_numbers"] == sum(array.size for array in found.arrays.values())


@pytest.mark.models
def test_an_adapter_is_not_put_on_another_model(trained, tmp_path):
    other = build_tiny_model(tmp_path / "tiny", seed=5)
    identity = Tiny(other).resolved().identity
    with pytest.raises(EngineError, match="weights differ") as caught:
        artefact_files.require_base(trained.weights, identity)
    assert caught.value.code == ErrorCode.ADAPTER_INVALID
    artefact_files.require_base(trained.weights, dict(trained.weights.base))


@pytest.mark.models
def test_an_adapter_is_unpacked_once_and_only_whole(trained, tmp_path, settings):
    settings.MODELS_DIR = tmp_path
    folder = artefact_files.unpack_adapter(trained.weights)
    changed = (folder / "adapter_model.safetensors").stat().st_mtime_ns
    assert artefact_files.unpack_adapter(trained.weights) == folder
    assert (folder / "adapter_model.safetensors").stat().st_mtime_ns == changed
    assert [path.name for path in folder.parent.iterdir()] == [trained.weights.sha256]


def test_a_loss_that_is_not_a_number_ends_the_fit_and_says_in_which_step(tiny_folder):
    model, encoded = encoded_of(tiny_folder, examples()[:8])
    training = AdapterTraining(model, rank=2, beta=BETA, seed=0)
    training._trained[0].data.fill_(float("nan"))
    with pytest.raises(FitError, match="step 1 of") as caught:
        training.run(encoded, [], epochs=1, batch=8, learning_rate=1e-3, progress=silent)
    assert caught.value.code == "loss_not_finite"


@pytest.mark.models
def test_what_is_too_long_or_says_nothing_is_left_out_and_counted(tiny_folder):
    trainer = ImplicitPrmTrainer()
    content = [*rows(40), row(True, 90, "the cat " * 200), row(False, 91, "\ud800")]
    found = list(examples_from_rows(("train", one) for one in content))
    some = prepared(found, held_out_share=0.3, most=1000, seed=0, needs_both_labels=True)
    parameters = validate_parameters(trainer.declaration.all_parameters, {**PARAMETERS, "epochs": 1, "longest": 100})
    fitted = trainer.fit(some, Tiny(tiny_folder), parameters, seed=0, progress=silent)
    assert fitted.metrics["left_out"] == {"too_long": 1, "invalid_text": 1}


def test_a_model_of_unknown_projections_is_said_to_be_one():
    import torch

    with pytest.raises(FitError, match="no attention projections of a known name in Linear"):
        AdapterTraining(torch.nn.Linear(2, 2), rank=2, beta=BETA, seed=0)


@pytest.mark.models
def test_weights_of_a_head_are_no_adapter(trained):
    assert "adapter_config" in trained.weights.settings
    assert "adapter_config" not in FittedWeights("token_credit", {}).settings
