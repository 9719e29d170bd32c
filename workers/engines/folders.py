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
from pathlib import Path
from typing import Literal

from projects.outgoing import OutgoingError, OutgoingRefusedError
from workers.engines.adapters import AdapterFiles, read_adapter
from workers.engines.contract import EngineError, ErrorCode
from workers.engines.hashing import sha256_file, sha256_lines
from workers.engines.hub import hold_hub_to_policy
from workers.engines.package_models import PACKAGE_MODELS, PACKAGE_PREFIX, convert_file, package_model_folder
from workers.engines.pooling import pooling_folder, stated_length
from workers.engines.vocabularies import vocabulary_hash

Dtype = Literal["bfloat16", "float32", "float16"]
DTYPES: tuple[Dtype, ...] = ("bfloat16", "float32", "float16")

_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
_REVISION = re.compile(r"[\w][\w./-]{0,63}")
_ADAPTER_REFERENCE = re.compile(r"(?P<id>[\w][\w.-]*/[\w][\w.-]*)@(?P<revision>[\w][\w./-]{0,63})")
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
    adapter : AdapterFiles, optional
        Low-rank weights that are added to the model's.
    vocabulary : str
        SHA-256 of the tokenizer's tokens alone, or empty where they could not be read.
    architecture : str
        The library's name of how the model is built, as config.json gives it: `llama`.
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
    adapter: AdapterFiles | None = None
    vocabulary: str = ""
    architecture: str = ""

    @property
    def identity(self) -> dict[str, str]:
        """What enters a scorer's hash: it does not hold the path, which differs between machines."""
        return {
            "weights": f"{self.weights} + adapter {self.adapter.sha256}" if self.adapter else self.weights,
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
    adapter: str = "",
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
    adapter : str
        A folder of low-rank (LoRA) weights, or a hub id with its revision: ``owner/name@revision``. Empty: none.
    models_dir : Path
        Where converted models are kept.
    allowed_roots : sequence of Path, optional
        Where given, a path outside of all of them is refused, so that people who may register models cannot probe the
        machine's file system.

    Raises
    ------
    EngineError
        model_missing, model_invalid, model_checksum, disk_full, adapter_invalid or unsupported, in one line.
    """
    if dtype not in DTYPES:
        raise EngineError(ErrorCode.UNSUPPORTED, f"dtype {dtype!r}: expected one of {', '.join(DTYPES)}")
    folder, commit = _folder_of(reference, revision, allowed_roots, models_dir)
    _check_folder(folder)
    manifest = _manifest(folder)
    config = _read_config(folder)
    kind = _kind(config)
    return ResolvedModel(
        reference=reference,
        revision=revision,
        path=folder,
        weights=commit or f"sha256:{sha256_lines(manifest)}",
        tokenizer=sha256_lines(line for line in manifest if line.split(" ", 1)[1] in _TOKENIZER_FILES),
        chat_template=_chat_template_hash(folder),
        dtype=dtype,
        context_length=_readable_length(folder, config, kind),
        parameter_count=sum(_parameter_count(path) for path in folder.glob("*.safetensors")),
        kind=kind,
        adapter=_adapter(adapter, _names_of(reference, config), allowed_roots) if adapter else None,
        vocabulary=vocabulary_hash(folder),
        architecture=str(config["model_type"]),
    )


def _folder_of(
    reference: str, revision: str, allowed_roots: Sequence[Path] | None, models_dir: Path
) -> tuple[Path, str]:
    """Where the model's files are, made first where need be, and the commit that they are of; empty for no hub's."""
    if reference.startswith(PACKAGE_PREFIX):
        return package_model_folder(reference, models_dir), ""
    if _looks_like_path(reference):
        return _local_folder(reference, allowed_roots, models_dir), ""
    folder = _hub_snapshot(reference, revision)
    return folder, folder.name


def _looks_like_path(reference: str) -> bool:
    return reference.startswith(("/", "./", "../", "~"))


def _local_folder(reference: str, allowed_roots: Sequence[Path] | None, models_dir: Path) -> Path:
    """A model's folder; one GGUF file is converted into a folder on the first call (seconds to minutes)."""
    place = _allowed(reference, allowed_roots, ErrorCode.MODEL_MISSING)
    if place.suffix == ".gguf" and place.is_file():
        return convert_file(place, models_dir)
    if not place.is_dir():
        raise EngineError(ErrorCode.MODEL_MISSING, f"there is no folder {reference}")
    return place


def _allowed(reference: str, allowed_roots: Sequence[Path] | None, code: ErrorCode) -> Path:
    place = Path(reference).expanduser().resolve()
    if allowed_roots is not None and not any(place.is_relative_to(root.resolve()) for root in allowed_roots):
        raise EngineError(code, f"{reference} is not in a folder that this server takes models from")
    return place


def _adapter(reference: str, base_names: Sequence[str], allowed_roots: Sequence[Path] | None) -> AdapterFiles:
    if _looks_like_path(reference):
        folder = _allowed(reference, allowed_roots, ErrorCode.ADAPTER_INVALID)
        if not folder.is_dir():
            raise EngineError(ErrorCode.ADAPTER_INVALID, f"there is no folder {reference}")
        return read_adapter(folder, base_names)
    found = _ADAPTER_REFERENCE.fullmatch(reference)
    if found is None:
        raise EngineError(
            ErrorCode.ADAPTER_INVALID, f"{reference[:100]!r} is neither a folder nor a hub id owner/name@revision"
        )
    return read_adapter(_hub_snapshot(found["id"], found["revision"]), base_names)


def _names_of(reference: str, config: dict[str, object]) -> list[str]:
    """By what names an adapter may know this model; only their last part is compared."""
    names = [reference, str(config.get("_name_or_path") or "")]
    packaged = PACKAGE_MODELS.get(reference.removeprefix(PACKAGE_PREFIX))
    return [*names, packaged.upstream if packaged else ""]


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
    lines = [f"{sha256_file(path)} {path.name}" for path in files]
    pooling = pooling_folder(folder)
    if pooling is not None:
        if not (pooling / "config.json").is_file():
            raise EngineError(ErrorCode.MODEL_INVALID, f"{folder.name} holds no {pooling.name}/config.json")
        lines.append(f"{sha256_file(pooling / 'config.json')} {pooling.name}/config.json")
    return lines


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


def _readable_length(folder: Path, config: dict[str, object], kind: Kind) -> int:
    """Tokens of context. Encoders have positions that their authors keep unused, so what those state counts too."""
    length = _context_length(config)
    if kind == Kind.CAUSAL:
        return length
    return min(length, stated_length(folder) or length)


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
