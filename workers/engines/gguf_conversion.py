"""Turning a GGUF file of the Llama architecture into a safetensors folder, once.

Written out here because the model library's own route needs two further packages and takes four times as long; the
weights are the same numbers.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.engines.contract import EngineError, ErrorCode

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Enters the folder's name: a change of the conversion makes a new folder and so a new identity.
CONVERSION_VERSION = 1

_LAYER_TENSOR = re.compile(r"blk\.(\d+)\.(.+)\.weight")
_LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_OUTER_NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_CONTROL_TOKEN = 3


def convert_gguf(source: Path, folder: Path) -> None:
    """Write config.json, the tokenizer and model.safetensors (bfloat16) into an existing empty folder.

    Raises
    ------
    EngineError
        unsupported, where the file is of another architecture or tokenizer than this converter knows; model_invalid,
        where it is no whole GGUF file.
    """
    from gguf import GGUFReader

    try:
        reader = GGUFReader(source)
        fields = dict(reader.fields)
        architecture = fields["general.architecture"].contents()
        tokenizer_model = fields["tokenizer.ggml.model"].contents()
    except (ValueError, KeyError, IndexError) as error:
        raise EngineError(ErrorCode.MODEL_INVALID, f"{source.name} is not a GGUF file, or was cut") from error
    if architecture != "llama" or tokenizer_model != "gpt2":
        raise EngineError(
            ErrorCode.UNSUPPORTED,
            f"{source.name}: {architecture} with a {tokenizer_model} tokenizer; only llama with gpt2 can be converted",
        )
    _write_config(fields, has_head=any(tensor.name == "output.weight" for tensor in reader.tensors), folder=folder)
    _write_tokenizer(fields, folder)
    _write_weights(reader, fields, folder)


def _write_config(fields: dict[str, Any], *, has_head: bool, folder: Path) -> None:
    def number(name: str) -> Any:
        return fields[f"llama.{name}"].contents()

    tokens = {
        f"{role}_token_id": fields[f"tokenizer.ggml.{name}_token_id"].contents()
        for role, name in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"))
    }
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "vocab_size": number("vocab_size"),
        "hidden_size": number("embedding_length"),
        "intermediate_size": number("feed_forward_length"),
        "num_hidden_layers": number("block_count"),
        "num_attention_heads": number("attention.head_count"),
        "num_key_value_heads": number("attention.head_count_kv"),
        "head_dim": number("rope.dimension_count"),
        "max_position_embeddings": number("context_length"),
        "rms_norm_eps": round(number("attention.layer_norm_rms_epsilon"), 12),
        "rope_parameters": {"rope_type": "default", "rope_theta": number("rope.freq_base")},
        "tie_word_embeddings": not has_head,
        **tokens,
    }
    _write_json(folder / "config.json", config)
    _write_json(folder / "generation_config.json", tokens)


def _write_tokenizer(fields: dict[str, Any], folder: Path) -> None:
    """The byte-level tokenizer with single digits ("smollm" in GGUF), and the chat template."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    pre = fields["tokenizer.ggml.pre"].contents()
    if pre != "smollm":
        raise EngineError(ErrorCode.UNSUPPORTED, f"the pre-tokenizer {pre!r} cannot be converted")
    tokens = fields["tokenizer.ggml.tokens"].contents()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(merge.split(" ", 1)) for merge in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL_TOKEN]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in control])
    tokenizer.save(str(folder / "tokenizer.json"))

    def token_text(name: str) -> str:
        text: str = tokens[fields[f"tokenizer.ggml.{name}_token_id"].contents()]
        return text

    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": token_text("bos"),
            "eos_token": token_text("eos"),
            "pad_token": token_text("padding"),
            "unk_token": token_text("unknown"),
            "model_max_length": fields["llama.context_length"].contents(),
            "clean_up_tokenization_spaces": False,
        },
    )
    template = fields["tokenizer.chat_template"].contents()
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def _write_weights(reader: Any, fields: dict[str, Any], folder: Path) -> None:
    import torch
    from gguf import dequantize
    from safetensors.torch import save_file

    heads = {
        "attn_q": fields["llama.attention.head_count"].contents(),
        "attn_k": fields["llama.attention.head_count_kv"].contents(),
    }
    weights = {}
    for tensor in reader.tensors:
        name, kind = _model_name(tensor.name)
        values = dequantize(tensor.data, tensor.tensor_type)
        if kind in heads:
            values = _unpermute(values, heads[kind])
        weights[name] = torch.tensor(values).to(torch.bfloat16)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _model_name(gguf_name: str) -> tuple[str, str]:
    """The model library's name of a tensor, and its kind within a layer."""
    if gguf_name in _OUTER_NAMES:
        return _OUTER_NAMES[gguf_name], ""
    found = _LAYER_TENSOR.fullmatch(gguf_name)
    if found is None or found.group(2) not in _LAYER_NAMES:
        raise EngineError(ErrorCode.UNSUPPORTED, f"unknown tensor {gguf_name!r}: this file cannot be converted")
    layer, kind = found.groups()
    return f"model.layers.{layer}.{_LAYER_NAMES[kind]}.weight", kind


def _unpermute(values: npt.NDArray[np.float32], heads: int) -> npt.NDArray[np.float32]:
    """Undo GGUF's order of rotary dimensions: pairs side by side there, halves side by side here."""
    rows, columns = values.shape
    return values.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
