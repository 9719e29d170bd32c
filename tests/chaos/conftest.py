"""One stack a test: each test breaks its own."""

import pytest

from tests.chaos.stack import ChaosStack
from tests.workers.tiny_model import build_tiny_model


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    build_tiny_model(folder / "tiny")
    return folder


@pytest.fixture
def stack(tmp_path, tiny_models):
    stack = ChaosStack(tmp_path, tiny_models)
    try:
        stack.manage("migrate", "--no-input")
        stack.manage("register_model", "tiny", tiny_models / "tiny", "--dtype", "float32")
        yield stack
    finally:
        stack.stop()
