"""Engines that the tests of this folder share: built once a run."""

from pathlib import Path

import pytest

from tests.workers.tiny_model import build_tiny_model


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_engine(tiny_folder):
    from workers.engines.folders import resolve_model
    from workers.engines.transformers_engine import TransformersEngine

    resolved = resolve_model(str(tiny_folder), dtype="float32", models_dir=tiny_folder.parent)
    return TransformersEngine(resolved, device="cpu")


@pytest.fixture(scope="session")
def other_engine(tmp_path_factory):
    """Another random model with another tokenizer."""
    from workers.engines.folders import resolve_model
    from workers.engines.transformers_engine import TransformersEngine

    folder = build_tiny_model(tmp_path_factory.mktemp("models") / "other", seed=1, merges=5)
    resolved = resolve_model(str(folder), dtype="float32", models_dir=folder.parent)
    return TransformersEngine(resolved, device="cpu")


@pytest.fixture(scope="session")
def models_dir():
    """Where `make demo` keeps converted models: the tests marked `models` share it, since converting takes seconds."""
    return Path(__file__).resolve().parents[2] / "var" / "models"


@pytest.fixture
def counting():
    """A source that needs no model; see `counting_source`."""
    from tests.workers.counting_source import CountingSource, registered

    with registered(CountingSource()) as source:
        yield source
