"""One stack for all tests of this folder; each starts with its servers up, no worker and no run."""

import pytest

from tests.chaos.stack import ChaosStack
from tests.workers.tiny_model import build_tiny_model

OUTPUTS = 400


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    build_tiny_model(models / "tiny")
    stack = ChaosStack(tmp_path_factory.mktemp("chaos"), models)
    try:
        stack.manage("migrate", "--no-input")
        stack.manage("register_model", "tiny", models / "tiny", "--dtype", "float32")
        stack.import_outputs("chaos", OUTPUTS)
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def stack(shared_stack):
    shared_stack.reset()
    return shared_stack
