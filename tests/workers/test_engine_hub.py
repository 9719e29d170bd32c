"""The model hub is asked through the policy for outgoing HTTP."""

import pytest

from tests.workers.replaying import replay_server, status
from workers.engines.contract import EngineError, ErrorCode
from workers.engines.folders import resolve_model


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub at this machine's own address, with an empty cache."""
    with replay_server("ollama") as server:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://{server.host}")
        monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", f"http://{server.host}")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        yield server


def fetch(tmp_path):
    with pytest.raises(EngineError) as error:
        resolve_model("owner/name", revision="main", models_dir=tmp_path)
    assert error.value.code == ErrorCode.MODEL_MISSING
    return error.value.message


def test_a_hub_that_the_operator_has_not_opened_is_not_asked(hub, tmp_path, settings):
    settings.OUTGOING_LOCAL_HOSTS, settings.OUTGOING_HOSTS = [], []
    assert "may not be fetched" in fetch(tmp_path)
    assert hub.requests() == []


def test_a_hub_that_sends_on_to_a_private_address_is_not_followed(hub, tmp_path, settings):
    settings.OUTGOING_LOCAL_HOSTS = [hub.host]
    hub.fail_next(status(307, Location="http://127.0.0.1:9/steal"))
    assert "may not be fetched: 127.0.0.1" in fetch(tmp_path)
    assert len(hub.requests()) == 1
