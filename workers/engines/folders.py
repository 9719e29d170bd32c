"""From a model's reference to a folder of safetensors on this machine, and the hashes that identify it.

A reference is ``package:<distribution>`` (weights that a Python package carries), a path, or a hub id such as
``owner/name`` with a revision. Only safetensors are read and code that comes with a model is never run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Literal

from projects.outgoing import OutgoingError, OutgoingRefusedError
from workers.engines.contract import EngineError, ErrorCode
from workers.engines.hub import hold_hub_to_policy
from workers.engines.package_models import PACKAGE_PREFIX, package_model_folder

Dtype = Literal["bfloat16", "float32", "float16"]
DTYPES: tuple[Dtype, ...] = ("bfloat16", "float32", "float16")

_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
_REVISION = re.compile(r"[\w][\w./-]{0,63}")
_READ_SUFFIXES = (".json", ".safetensors", ".jinja", ".model", ".txt")
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)


class Kind(StrEnum):
    """What a model's architecture makes of a text."""

    CAUSAL = "causal"
    """Probabilities of the next token."""
    ENCODER = "encoder"
    """A vector."""
    CLASSIFIER = "classifier"
    """One score by the head of a reward model."""


# By the end of the class that config.json names; the first that fits counts.
_KINDS = (
    ("ForCausalLM", Kind.CAUSAL),
    ("LMHeadModel", Kind.CAUSAL),
    ("ForSequenceClassification", Kind.CLASSIFIER),
    ("ForMaskedLM", Kind.ENCODER),
    ("Model", Kind.ENCODER),
)


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model on this machine, as exactly as a stored judgment must name it.

    Attributes
    ----------
    reference, revision : str
        As asked.
    path : Path
    weights : str
        The hub's commit, or ``sha256:`` with the SHA-256 of the folder's manifest.
    tokenizer : str
        SHA-256 of the tokenizer's files.
    chat_template : str
        SHA-256 of the chat template, or empty where the model has none.
    dtype : Dtype
        Of computation; the weights are converted to it when loaded.
    context_length : int
        Tokens.
    parameter_count : int
    kind : Kind
    """

    reference: str
    revision: str
    path: Path
    weights: str
    tokenizer: str
    chat_template: str
    dtype: Dtype
    context_length: int
    parameter_count: int
    kind: Kind = Kind.CAUSAL

    @property
    def identity(self) -> dict[str, str]:
        """What enters a scorer's hash: it does not hold the path, which differs between machines."""
        return {
            "weights": self.weights,
            "tokenizer": self.tokenizer,
            "chat_template": self.chat_template,
            "dtype": self.dtype,
        }

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights once loaded."""
        return self.parameter_count * (4 if self.dtype == "float32" else 2)


def resolve_model(
    reference: str,
    *,
    revision: str = "",
    dtype: str = "bfloat16",
    models_dir: Path,
    allowed_roots: Sequence[Path] | None = None,
) -> ResolvedModel:
    """Find the model's folder and hash it; no weights are loaded.

    Costs one read of the folder's files; for a package's model the first call converts it (seconds); for a hub id it
    may download.

    Parameters
    ----------
    reference, revision : str
        Only hub ids have a revision, and need one: a commit, tag or branch. The commit it stands for is stored.
    dtype : str
        One of `DTYPES`.
    models_dir : Path
        Where converted models are kept.
    allowed_roots : sequence of Path, optional
        Where given, a path outside of all of them is refused, so that people who may register models cannot probe the
        machine's file system.

    Raises
    ------
    EngineError
        model_missing, model_invalid, model_checksum, disk_full or unsupported, in one line.
    """
    if dtype not in DTYPES:
        raise EngineError(ErrorCode.UNSUPPORTED, f"dtype {dtype!r}: expected one of {', '.join(DTYPES)}")
    commit = ""
    if reference.startswith(PACKAGE_PREFIX):
        folder = package_model_folder(reference, models_dir)
    elif _looks_like_path(reference):
        folder = _local_folder(reference, allowed_roots)
    else:
        folder = _hub_snapshot(reference, revision)
        commit = folder.name
    _check_folder(folder)
    manifest = _manifest(folder)
    config = _read_config(folder)
    return ResolvedModel(
        reference=reference,
        revision=revision,
        path=folder,
        weights=commit or f"sha256:{_sha256_lines(manifest)}",
        tokenizer=_sha256_lines(line for line in manifest if line.split(" ", 1)[1] in _TOKENIZER_FILES),
        chat_template=_chat_template_hash(folder),
        dtype=dtype,
        context_length=_context_length(config),
        parameter_count=sum(_parameter_count(path) for path in folder.glob("*.safetensors")),
        kind=_kind(config),
    )


def _looks_like_path(reference: str) -> bool:
    return reference.startswith(("/", "./", "../", "~"))


def _local_folder(reference: str, allowed_roots: Sequence[Path] | None) -> Path:
    folder = Path(reference).expanduser().resolve()
    if allowed_roots is not None and not any(folder.is_relative_to(root.resolve()) for root in allowed_roots):
        raise EngineError(ErrorCode.MODEL_MISSING, f"{reference} is not in a folder that this server takes models from")
    if not folder.is_dir():
        raise EngineError(ErrorCode.MODEL_MISSING, f"there is no folder {reference}")
    return folder


def _hub_snapshot(reference: str, revision: str) -> Path:
    if not _HUB_ID.fullmatch(reference):
        raise EngineError(
            ErrorCode.MODEL_MISSING, f"{reference[:100]!r} is neither package:<name>, a path, nor a hub id owner/name"
        )
    if not _REVISION.fullmatch(revision):
        raise EngineError(ErrorCode.MODEL_INVALID, f"{reference} needs a revision: a commit, tag or branch of the hub")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    hold_hub_to_policy()
    try:
        return Path(
            snapshot_download(reference, revision=revision, allow_patterns=[f"*{suffix}" for suffix in _READ_SUFFIXES])
        )
    except OutgoingRefusedError as error:
        raise EngineError(ErrorCode.MODEL_MISSING, f"{reference} may not be fetched: {error}") from error
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OutgoingError, OSError) as error:
        raise EngineError(
            ErrorCode.MODEL_MISSING,
            f"{reference} at {revision} is not in the local cache and could not be fetched ({type(error).__name__})",
        ) from error


def _check_folder(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise EngineError(ErrorCode.MODEL_INVALID, f"{folder.name} holds no config.json: not a model's folder")
    if any(folder.glob("*.safetensors")):
        return
    pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt")) or any(folder.glob("*.pth"))
    what = "pickled weights only, which could run code: convert them to safetensors" if pickled else "no safetensors"
    raise EngineError(ErrorCode.MODEL_INVALID, f"{folder.name} holds {what}")


def _manifest(folder: Path) -> list[str]:
    """One line "<sha256> <name>" for each file that loading reads, by name."""
    files = sorted(path for path in folder.iterdir() if path.suffix in _READ_SUFFIXES and path.is_file())
    lines = []
    for path in files:
        status = path.stat()
        lines.append(f"{_sha256_file(path, status.st_size, status.st_mtime_ns)} {path.name}")
    return lines


@lru_cache(maxsize=1024)
def _sha256_file(path: Path, size: int, modified_ns: int) -> str:
    """Hash of a file's bytes; size and time of change are there for the cache to notice a new content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_lines(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _read_config(folder: Path) -> dict[str, object]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise EngineError(ErrorCode.MODEL_INVALID, f"{folder.name}: config.json is not JSON") from error
    if not isinstance(config, dict) or "model_type" not in config:
        raise EngineError(ErrorCode.MODEL_INVALID, f"{folder.name}: config.json names no model_type")
    if "auto_map" in config:
        raise EngineError(ErrorCode.UNSUPPORTED, f"{folder.name} needs code of its own, which is never run here")
    return config


def _kind(config: dict[str, object]) -> Kind:
    """Of the architecture that config.json names; a model's folder without one holds a language model."""
    architectures = config.get("architectures")
    if not isinstance(architectures, list) or not architectures:
        return Kind.CAUSAL
    for ending, kind in _KINDS:
        if str(architectures[0]).endswith(ending):
            return kind
    raise EngineError(
        ErrorCode.UNSUPPORTED,
        f"{str(architectures[0])[:80]} is neither a causal language model, an encoder nor a sequence classifier",
    )


def _context_length(config: dict[str, object]) -> int:
    text_config = config.get("text_config")
    places = [config, text_config] if isinstance(text_config, dict) else [config]
    for place in places:
        for name in ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length"):
            value = place.get(name)
            if isinstance(value, int) and value > 0:
                return value
    raise EngineError(ErrorCode.MODEL_INVALID, "config.json does not say how long the model's context is")


def _chat_template_hash(folder: Path) -> str:
    template = folder / "chat_template.jinja"
    if template.is_file():
        return hashlib.sha256(template.read_bytes()).hexdigest()
    settings = folder / "tokenizer_config.json"
    if not settings.is_file():
        return ""
    stored = json.loads(settings.read_text(encoding="utf-8")).get("chat_template")
    return hashlib.sha256(json.dumps(stored).encode()).hexdigest() if stored else ""


def _parameter_count(path: Path) -> int:
    """Numbers in a safetensors file, from its header alone."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > 100_000_000:
                raise ValueError("header too long")
            header = json.loads(file.read(length))
        return sum(_product(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(ErrorCode.MODEL_INVALID, f"{path.name} is not a safetensors file, or was cut") from error


def _product(shape: Iterable[int]) -> int:
    product = 1
    for size in shape:
        product *= int(size)
    return product
