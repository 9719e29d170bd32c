"""How the environment is read."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from rubricate import env


@pytest.fixture(autouse=True)
def no_stack(monkeypatch, tmp_path):
    """No stack runs, whatever runs on this machine."""
    monkeypatch.setattr(env, "LOCAL_ENV", tmp_path / "local.env")
    env._local.cache_clear()
    yield
    env._local.cache_clear()


def test_a_database_url_names_everything():
    settings = env.parse_database_url("postgresql://me:p%40ss@db.example:5433/rewards?sslmode=require")
    assert settings["USER"] == "me"
    assert settings["PASSWORD"] == "p@ss"
    assert (settings["HOST"], settings["PORT"], settings["NAME"]) == ("db.example", "5433", "rewards")
    assert settings["OPTIONS"] == {"sslmode": "require"}


def test_a_database_url_may_name_a_socket_folder():
    settings = env.parse_database_url("postgresql://me:secret@/rewards?host=/srv/my%20folder")
    assert settings["HOST"] == "/srv/my folder"
    assert settings["OPTIONS"] == {}


@pytest.mark.parametrize("url", ["sqlite:///db.sqlite3", "postgresql://host", "postgresql://host:x/name", "nonsense"])
def test_another_kind_of_url_is_refused_by_name(url):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        env.parse_database_url(url)


def test_what_is_required_and_missing_is_named(monkeypatch):
    monkeypatch.delenv("SOME_VARIABLE", raising=False)
    with pytest.raises(ImproperlyConfigured, match="SOME_VARIABLE is not set"):
        env.required("SOME_VARIABLE")


@pytest.mark.parametrize(
    ("value", "meaning"), [("1", True), ("yes", True), ("0", False), ("False", False), ("", False)]
)
def test_a_flag_is_yes_or_no(monkeypatch, value, meaning):
    monkeypatch.setenv("SOME_FLAG", value)
    assert env.flag("SOME_FLAG") is meaning


def test_a_flag_that_is_neither_is_refused(monkeypatch):
    monkeypatch.setenv("SOME_FLAG", "perhaps")
    with pytest.raises(ImproperlyConfigured, match="SOME_FLAG must be 1 or 0, not 'perhaps'"):
        env.flag("SOME_FLAG")


def test_a_number_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv("SOME_NUMBER", "many")
    with pytest.raises(ImproperlyConfigured, match="SOME_NUMBER must be a whole number"):
        env.integer("SOME_NUMBER", 3)


def test_the_running_stack_is_found_by_other_commands(monkeypatch):
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    env.LOCAL_ENV.write_text("CELERY_BROKER_URL=redis://:a=b@127.0.0.1:1/0\n")
    assert env.text("CELERY_BROKER_URL") == "redis://:a=b@127.0.0.1:1/0"


def test_the_environment_wins_over_the_running_stack(monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://mine/0")
    env.LOCAL_ENV.write_text("CELERY_BROKER_URL=redis://theirs/0\n")
    assert env.text("CELERY_BROKER_URL") == "redis://mine/0"


def test_a_json_object_is_read_and_anything_else_is_refused_by_name(monkeypatch):
    assert env.json_object("SOME_OBJECT") == {}
    monkeypatch.setenv("SOME_OBJECT", '{"a": [1]}')
    assert env.json_object("SOME_OBJECT") == {"a": [1]}
    for value in ("[1]", "{", "7"):
        monkeypatch.setenv("SOME_OBJECT", value)
        with pytest.raises(ImproperlyConfigured, match="SOME_OBJECT must be a JSON object"):
            env.json_object("SOME_OBJECT")


def test_encryption_keys_are_those_given_else_the_one_that_the_stack_keeps_else_none(monkeypatch, tmp_path):
    monkeypatch.delenv("RUBRICATE_ENCRYPTION_KEYS", raising=False)
    monkeypatch.setattr(env, "ENCRYPTION_KEY_FILE", tmp_path / "key")
    assert env.encryption_keys() == []
    (tmp_path / "key").write_text("kept\n")
    assert env.encryption_keys() == ["kept"]
    monkeypatch.setenv("RUBRICATE_ENCRYPTION_KEYS", "new, old")
    assert env.encryption_keys() == ["new", "old"]
