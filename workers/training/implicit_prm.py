"""Trains an implicit process reward: a low-rank adapter whose log-ratio to its own base tells right outputs from wrong.

With r(y) = beta sum_t log pi(y_t | y_<t) / pi_ref(y_t | y_<t) the outcome's logit, the loss of an output of label l is

    - [ l log sigmoid(r(y)) + (1 - l) log(1 - sigmoid(r(y))) ]

(Yuan et al. 2024, "Free Process Rewards without Process Labels", arXiv 2412.01981, the cross-entropy form; as PRIME,
Cui et al. 2025, arXiv 2502.01456, trains it). Labels of whole outputs are enough, in no pairs: thumbs. The share of
every token or step in r(y) is then its reward, which is what the log-probability sources read from base and adapter.

pi_ref is the base, frozen; pi is the base with low-rank updates of its attention (Hu et al. 2022, LoRA, arXiv
2106.09685), which begin at zero, so that r starts at 0 everywhere. Training is in float32 with AdamW; the reference's
log-probabilities are read once.
"""

from __future__ import annotations

import json
import math
import random
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rewards.parameters import Parameter, Parameters
from workers.engines.contract import Capability, EngineError, ErrorCode, Refusal
from workers.engines.package_models import PACKAGE_MODELS, PACKAGE_PREFIX
from workers.sources.contract import Fidelity, ModelRole
from workers.sources.fitted.weights import FittedWeights
from workers.sources.logprobs.reading import scored_pieces
from workers.training.contract import Base, Example, FitError, Fitted, LeftOut, Progress, TrainerDeclaration
from workers.training.measures import measured, ranking, task_numbers

if TYPE_CHECKING:
    import torch

    from workers.engines.encoding import Encoder

IMPLICIT_PRM = "implicit_prm"
CONFIG = "adapter_config"
"""Where the library's own configuration stands among the settings of the weights."""
# What the attention's projections of queries and values are called in the architectures that the library knows.
_TARGETS = (("q_proj", "v_proj"), ("c_attn",), ("query_key_value",), ("qkv_proj",), ("Wqkv",), ("query", "value"))
_EVALUATED_AT_ONCE = 8
_LARGEST_GRADIENT = 1.0


class Row(NamedTuple):
    """One message to score: token ids, and how many of the last belong to it."""

    ids: tuple[int, ...]
    n_scored: int


class Encoded(NamedTuple):
    """An example as token ids, a row for each message that the policy wrote."""

    example: Example
    rows: tuple[Row, ...]

    @property
    def n_tokens(self) -> int:
        return sum(len(row.ids) for row in self.rows)


class ImplicitPrmTrainer:
    """A low-rank adapter by cross-entropy on outcome labels; see the module."""

    declaration = TrainerDeclaration(
        name=IMPLICIT_PRM,
        version=1,
        title="Implicit process reward (adapter)",
        summary="Trains a small adapter on thumbs: its log-ratio to the base is a reward for every token and step.",
        formula="BCE(sigmoid(beta sum_t log pi(y_t) / pi_ref(y_t)), label)",
        paper="Yuan et al. 2024, Free Process Rewards without Process Labels, arXiv 2412.01981",
        fidelity=Fidelity.PAPER,
        base=ModelRole(
            "base",
            "Base model",
            "Is frozen and the reference; the adapter is put on it.",
            frozenset({Capability.LOGPROBS}),
        ),
        parameters=(
            Parameter("beta", "number", 0.05, "Beta", "As the authors train.", minimum=1e-4, maximum=10),
            Parameter("rank", "integer", 2, "Rank", "Of the updates.", minimum=1, maximum=256),
            Parameter("epochs", "integer", 3, "Epochs", minimum=1, maximum=100),
            Parameter("batch", "integer", 8, "Batch", "Outputs in a step.", minimum=1, maximum=256),
            Parameter("learning_rate", "number", 1e-3, "Learning rate", minimum=1e-7, maximum=1),
            Parameter(
                "longest",
                "integer",
                1024,
                "Longest",
                "In tokens: longer ones are left out.",
                minimum=8,
                maximum=131_072,
            ),
            Parameter(
                "layout",
                "choice",
                "chat",
                "Layout",
                "Plain is for base models, which have no chat template.",
                choices=(("chat", "The model's chat template"), ("plain", "Plain text")),
            ),
        ),
        used_by="A model of its own, base and adapter, to choose beside the base wherever a source compares two.",
        makes_model=True,
    )

    def fit(
        self, examples: Sequence[Example], base: Base, parameters: Parameters, *, seed: int, progress: Progress
    ) -> Fitted:
        """See `Trainer.fit`."""
        from workers.engines.encoding import Encoder
        from workers.engines.pretrained import check_memory, load_pretrained, pick_device

        resolved = base.resolved()
        if resolved.adapter is not None:
            raise FitError("base_has_adapter", f"{resolved.reference} has an adapter already: train on its base")
        progress("loading the model")
        device = pick_device("auto")
        # Optimizer and gradients are of the adapter alone; bfloat16 would lose its small steps.
        in_float32 = replace(resolved, dtype="float32")
        check_memory(in_float32, device)
        tokenizer, model = load_pretrained(in_float32, device)
        encoder = Encoder(tokenizer, resolved.context_length)
        left_out = LeftOut()
        encoded = list(_encoded(examples, encoder, parameters, left_out))
        train = [one for one in encoded if not one.example.is_held_out]
        held_out = [one for one in encoded if one.example.is_held_out]
        if not train:
            raise FitError("nothing_to_train_on", f"no output could be read: {left_out.counts}")
        training = AdapterTraining(model, rank=int(parameters["rank"]), beta=float(parameters["beta"]), seed=seed)
        curve = training.run(
            train,
            held_out,
            epochs=int(parameters["epochs"]),
            batch=int(parameters["batch"]),
            learning_rate=float(parameters["learning_rate"]),
            progress=progress,
        )
        metrics = {
            "left_out": left_out.counts,
            "train": measured(training.logits(train), [one.example for one in train], seed=seed),
            "held_out": measured(training.logits(held_out), [one.example for one in held_out], seed=seed)
            | {"shortness": _shortness(held_out, seed=seed)},
            "curve": curve,
            "curve_is": "cross-entropy, by step; held out by epoch",
            "trained_numbers": training.n_trained,
        }
        progress("measured", curve=curve)
        settings = {"layout": parameters["layout"], "beta": parameters["beta"]}
        config = training.config(_name_of(resolved.reference))
        weights = FittedWeights(IMPLICIT_PRM, training.arrays(), settings | {CONFIG: config}, resolved.identity)
        return Fitted(weights, metrics)


class AdapterTraining:
    """A model with an adapter that is trained, and the log-ratio of the two.

    Parameters
    ----------
    model
        Of the library, causal; it is changed in place.
    rank : int
    beta : float
    seed : int
        Of the adapter's first weights and of the order of the examples.

    Raises
    ------
    FitError
        ``architecture_unknown``, where the attention's projections have other names than those known.
    """

    def __init__(self, model: Any, *, rank: int, beta: float, seed: int) -> None:
        import torch
        from peft import LoraConfig, get_peft_model

        self._beta = beta
        self._seed = seed
        config = LoraConfig(
            r=rank, lora_alpha=2 * rank, target_modules=list(_targets(model)), lora_dropout=0.0, task_type="CAUSAL_LM"
        )
        with torch.random.fork_rng(), warnings.catch_warnings():
            # The two libraries call each other by names that one of them has begun to leave behind.
            warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`", category=FutureWarning)
            torch.manual_seed(seed)
            self._model = get_peft_model(model, config)
        self._model.eval()
        self._reference: dict[tuple[Row, ...], float] = {}
        self._trained = [parameter for parameter in self._model.parameters() if parameter.requires_grad]

    @property
    def n_trained(self) -> int:
        """Numbers that are learnt."""
        return sum(parameter.numel() for parameter in self._trained)

    def run(
        self,
        train: Sequence[Encoded],
        held_out: Sequence[Encoded],
        *,
        epochs: int,
        batch: int,
        learning_rate: float,
        progress: Progress,
    ) -> list[dict[str, float | None]]:
        """Train; losses by step, and of the outputs held out after each epoch.

        Raises
        ------
        FitError
            ``loss_not_finite``, with the step.
        """
        import torch

        references = self._references(train, progress)
        optimizer = torch.optim.AdamW(self._trained, lr=learning_rate, weight_decay=0.0)
        shuffled = random.Random(self._seed)
        steps = epochs * math.ceil(len(train) / batch)
        curve: list[dict[str, float | None]] = []
        for _ in range(epochs):
            order = shuffled.sample(range(len(train)), len(train))
            for start in range(0, len(order), batch):
                some = order[start : start + batch]
                optimizer.zero_grad()
                loss = self._accumulate([train[place] for place in some], [references[place] for place in some])
                if not math.isfinite(loss):
                    raise FitError(
                        "loss_not_finite",
                        f"the loss is not a finite number in step {len(curve) + 1} of {steps}: learn more slowly",
                    )
                torch.nn.utils.clip_grad_norm_(self._trained, _LARGEST_GRADIENT)
                optimizer.step()
                curve.append({"step": float(len(curve) + 1), "train": loss})
                progress(f"step {len(curve)} of {steps}", curve=curve)
            if held_out:
                labels = [one.example for one in held_out]
                curve[-1]["held_out"] = measured(self.logits(held_out), labels)["loss"]
        return curve

    def logits(self, encoded: Sequence[Encoded]) -> list[float]:
        """r(y) of each output."""
        import torch

        with torch.no_grad():
            found = [float(self.log_probability(one)) for one in encoded]
        return [self._beta * (own - self.reference(one)) for own, one in zip(found, encoded, strict=True)]

    def reference(self, encoded: Encoded) -> float:
        """The same sum by the base alone; kept, since it never changes."""
        import torch

        if encoded.rows not in self._reference:
            with torch.no_grad(), self._model.disable_adapter():
                self._reference[encoded.rows] = float(self.log_probability(encoded))
        return self._reference[encoded.rows]

    def log_probability(self, encoded: Encoded) -> torch.Tensor:
        """sum_t log pi(y_t | y_<t) over all tokens that the policy wrote, float32 or wider, a scalar."""
        import torch

        device = self._trained[0].device
        total: torch.Tensor = torch.zeros((), device=device)
        for row in encoded.rows:
            ids = torch.tensor([row.ids], device=device)
            # The scores of the prompt's places are not computed: for a large vocabulary they would be most of it.
            logits = self._model(input_ids=ids, use_cache=False, logits_to_keep=row.n_scored + 1).logits
            logprobs = logits[0, :-1].log_softmax(-1, dtype=torch.promote_types(logits.dtype, torch.float32))
            total = total + logprobs.gather(1, ids[0, -row.n_scored :, None]).sum()
        return total

    def arrays(self) -> dict[str, Any]:
        """The adapter's weights under the names of its own file format."""
        from peft import get_peft_model_state_dict

        state = get_peft_model_state_dict(self._model)
        return {name: tensor.detach().float().cpu().numpy() for name, tensor in state.items()}

    def config(self, base_name: str) -> str:
        """The adapter's `adapter_config.json`, with the base by its public name."""
        config = self._model.peft_config["default"].to_dict()
        kept = {
            name: sorted(value) if isinstance(value, set) else value
            for name, value in config.items()
            if value is None or isinstance(value, bool | int | float | str | list | set | dict)
        }
        kept |= {"base_model_name_or_path": base_name, "inference_mode": True}
        return json.dumps(kept, sort_keys=True)

    def _references(self, train: Sequence[Encoded], progress: Progress) -> list[float]:
        values = []
        for number, one in enumerate(train, start=1):
            values.append(self.reference(one))
            if number % _EVALUATED_AT_ONCE == 0:
                progress(f"read {number} of {len(train)} outputs by the reference")
        return values

    def _accumulate(self, some: Sequence[Encoded], references: Sequence[float]) -> float:
        """Gradients of the batch's mean loss, one output after the other: memory is that of the longest."""
        total = 0.0
        for one, reference in zip(some, references, strict=True):
            logit = self._beta * (self.log_probability(one) - reference)
            loss = cross_entropy(logit, label=one.example.label) / len(some)
            loss.backward()
            total += float(loss.detach())
        return total


def cross_entropy(logit: torch.Tensor, *, label: bool) -> torch.Tensor:
    """-[l log sigmoid(r) + (1 - l) log(1 - sigmoid(r))] in nats, without overflow; the gradient is sigmoid(r) - l."""
    from torch.nn.functional import softplus

    return softplus(-logit if label else logit)


def _encoded(
    examples: Sequence[Example], encoder: Encoder, parameters: Parameters, left_out: LeftOut
) -> Iterator[Encoded]:
    longest = min(int(parameters["longest"]), encoder.context_length)
    for example in examples:
        rows = _rows(example, encoder, str(parameters["layout"]))
        if isinstance(rows, Refusal):
            if rows.code == ErrorCode.NO_CHAT_TEMPLATE:
                raise EngineError(rows.code, rows.detail)
            left_out.add(rows.code.value)
        elif not rows:
            left_out.add("empty_output")
        elif max(len(row.ids) for row in rows) > longest:
            left_out.add("too_long")
        else:
            yield Encoded(example, tuple(rows))


def _rows(example: Example, encoder: Encoder, layout: str) -> list[Row] | Refusal:
    rows = []
    for piece in scored_pieces([example.item], {"layout": layout, "use_context": False}):
        prompt = encoder.encode_prompt(piece.request.prompt)
        if isinstance(prompt, Refusal):
            return prompt
        text = encoder.encode_continuation(piece.request.text)
        if isinstance(text, Refusal):
            return text
        if text.ids:
            rows.append(Row((*prompt, *text.ids), len(text.ids)))
    return rows


def _targets(model: Any) -> tuple[str, ...]:
    names = {name.rsplit(".", 1)[-1] for name, _ in model.named_modules()}
    for targets in _TARGETS:
        if names.issuperset(targets):
            return targets
    raise FitError("architecture_unknown", f"no attention projections of a known name in {type(model).__name__}")


def _shortness(encoded: Sequence[Encoded], *, seed: int) -> dict[str, Any] | None:
    """AUROC of minus the length: what telling right from wrong by length alone would reach."""
    examples = [one.example for one in encoded]
    lengths = np.array([-float(sum(row.n_scored for row in one.rows)) for one in encoded])
    return ranking(lengths, [example.label for example in examples], task_numbers(examples), seed=seed)


def _name_of(reference: str) -> str:
    """By what name others know the base; of a folder its last part, since the way to it is of this machine."""
    packaged = PACKAGE_MODELS.get(reference.removeprefix(PACKAGE_PREFIX))
    if packaged is not None and packaged.upstream:
        return packaged.upstream
    return reference.rstrip("/").rsplit("/", 1)[-1] if reference.startswith(("/", ".", "~")) else reference
