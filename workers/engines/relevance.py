"""Layer-wise relevance propagation through Llama-like models: a number divided among the tokens that led to it.

Relevance R starts as the number itself and is handed back layer by layer, every operation by a rule of its own, until
it arrives at the embeddings (Achtibat et al. 2024, "AttnLRP: Attention-Aware Layer-Wise Relevance Propagation for
Transformers", arXiv 2402.05602):

    linear maps, sums           R_i = x_i sum_j W_ji R_j / y_j                       (equation 8, epsilon 0)
    activation, RMS norm        R_i = R_j, the operation counts as a scaling         (equation 9; section 3.3.3)
    a product of two inputs     half of R to each                                    (proposition 3.3)
    softmax s of scores z       R_i = z_i (R_j,i - s_i sum_k R_j,k)                  (proposition 3.1)

Each rule is a gradient times its input for a backward pass in which the activation and the norm are constant factors
and the gradient of a product is halved, so that the whole costs one pass forth and back and its values are those of
the model (the paper's appendix; rachtibat/LRP-eXplains-Transformers does the same by replacing functions). Here hooks
on the modules of one model set these gradients, for as long as a request takes.

Of the softmax's relevance a part stays with the constant of its Taylor expansion, and at a layer with a bias a part
stays there: what arrives may fall short of the number. With the rule `values` attention weights are constants too (Ali
et al. 2022, "XAI for Transformers: Better Explanations through Conservative Propagation", arXiv 2202.07304, equation
8): in a model without biases, a number that is linear in the last layer arrives whole. The log-odds of two answers of
one token each are, and a head's score; a log-probability is not: of its gradient times the scores z,

    sum_v (1[v = y] - p_v) z_v = log p_y + H(p)

arrives, the entropy of its place more than the number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workers.engines.contract import Capability, EngineError, ErrorCode, Refusal
from workers.engines.explained import AttentionRule, InputRelevances
from workers.engines.folders import Kind, ResolvedModel
from workers.engines.gradients import Credited
from workers.engines.memory import run_in_memory

if TYPE_CHECKING:
    import torch

    from workers.engines.gradients import Numbers

# Architectures whose layers were read: gated feed-forward, RMS norms, separate projections, nothing else that is not
# linear. A norm of another kind, capped scores or experts would need rules of their own.
KNOWN_ARCHITECTURES = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3"})


def architecture_capabilities(resolved: ResolvedModel) -> frozenset[Capability]:
    """What can be asked of a model because its layers are known."""
    is_known = resolved.kind != Kind.ENCODER and resolved.architecture in KNOWN_ARCHITECTURES
    return frozenset({Capability.RELEVANCES}) if is_known else frozenset()


def require_known(resolved: ResolvedModel) -> None:
    """Raise `EngineError` (unsupported) where relevance cannot be propagated, naming through what it can."""
    if not architecture_capabilities(resolved):
        raise EngineError(
            ErrorCode.UNSUPPORTED,
            f"{resolved.reference} is built as {resolved.architecture or 'an unnamed architecture'}; relevance is "
            f"propagated through {', '.join(sorted(KNOWN_ARCHITECTURES))}",
        )


class Found(NamedTuple):
    """What one pass gives: the number, relevance of the row's tokens, shape (N,), and of tokens read behind it."""

    number: float
    row: npt.NDArray[np.float32]
    behind: float


def input_relevances(
    model: Any, ids: list[int], credited: Credited, numbers: Numbers, *, attention: AttentionRule
) -> InputRelevances | Refusal:
    """Relevances of one row's tokens.

    Parameters
    ----------
    model : a model of `KNOWN_ARCHITECTURES`
    ids : list of int, length N
    credited : Credited
    numbers : function
        The number of each row of embeddings. Tokens that it reads behind the row, by the model's input embeddings,
        have relevance too.
    attention : {"weights", "values"}
        Whether relevance goes through attention weights or through values alone.
    """
    if not len(credited.positions):
        return Refusal(ErrorCode.UNSUPPORTED, "the model's template shows it no token of the text to be credited")
    found = run_in_memory(lambda: _propagated(model, ids, numbers, attention))
    if found is None:
        return Refusal(ErrorCode.OUT_OF_MEMORY, f"the relevances of {len(ids)} tokens do not fit the device's memory")
    values = found.row[credited.positions]
    others = found.row.sum(dtype=np.float64) - values.sum(dtype=np.float64) + found.behind
    return InputRelevances(credited.spans, values, found.number, float(others))


def _propagated(model: Any, ids: list[int], numbers: Numbers, attention: AttentionRule) -> Found:
    import torch

    embed = model.get_input_embeddings()
    with torch.no_grad():
        row = embed(torch.tensor([ids], device=model.device))
    leaves = [row.detach().requires_grad_()]
    with _relevance_rules(model, attention), _embeddings_kept(embed, leaves), torch.enable_grad():
        number = numbers(leaves[0])[0]
        gradients = torch.autograd.grad(number, leaves, allow_unused=True)
    own, *behind = [
        torch.zeros(leaf.shape[:2]) if gradient is None else (leaf.detach().float() * gradient.float()).sum(-1)
        for leaf, gradient in zip(leaves, gradients, strict=True)
    ]
    return Found(float(number.detach()), own[0].cpu().numpy(), float(sum(part.sum() for part in behind)))


@contextmanager
def _embeddings_kept(embed: Any, leaves: list[torch.Tensor]) -> Iterator[None]:
    """Whatever is embedded meanwhile is a leaf whose gradient can be asked for."""

    def keep(module: Any, args: Any, output: torch.Tensor) -> torch.Tensor:
        leaves.append(output.detach().requires_grad_())
        return leaves[-1]

    handle = embed.register_forward_hook(keep)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _relevance_rules(model: Any, attention: AttentionRule) -> Iterator[None]:
    """The model's values stay what they are; its gradients become those of the rules."""
    handles: list[Any] = []
    try:
        for name, module in model.named_modules():
            handles += _hooks(name.rpartition(".")[2], module, attention)
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hooks(name: str, module: Any, attention: AttentionRule) -> list[Any]:
    """Those of one module, by the name that its parent has for it."""
    if type(module).__name__.endswith("RMSNorm"):
        return [module.register_forward_hook(_constant_norm)]
    if name == "act_fn":
        return [module.register_forward_hook(_constant_slope)]
    # What enters is a product: of gate and content, or of weights and values.
    if name == "down_proj" or (name == "o_proj" and attention == "weights"):
        return [module.register_forward_pre_hook(lambda module, args: (_scaled(args[0], 0.5), *args[1:]))]
    # Queries and keys are multiplied into scores; without relevance for these they end here.
    if name in ("q_proj", "k_proj"):
        share = 0.5 if attention == "weights" else 0.0
        return [module.register_forward_hook(lambda module, args, output: _scaled(output, share))]
    return []


def _constant_norm(module: Any, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
    import torch

    states = args[0].float()
    with torch.no_grad():
        scale = torch.rsqrt(states.pow(2).mean(-1, keepdim=True) + module.variance_epsilon)
    return _as_if(output, module.weight * (states * scale).to(output.dtype))


def _constant_slope(module: Any, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
    import torch

    given = args[0]
    with torch.no_grad():
        slope = torch.where(given == 0, 0, output / given)
    return _as_if(output, given * slope)


def _scaled(values: torch.Tensor, share: float) -> torch.Tensor:
    """The same values, with a share of their gradient."""
    return _as_if(values, share * values) if share else values.detach()


def _as_if(values: torch.Tensor, path: torch.Tensor) -> torch.Tensor:
    """Values whose gradient is another path's."""
    return values.detach() + (path - path.detach())
