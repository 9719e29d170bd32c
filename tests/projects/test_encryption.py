"""Credentials at rest."""

import pytest

from projects.encryption import decrypt, encrypt
from projects.errors import AppError

OLD, NEW = "an-old-secret-of-more-than-32-characters", "a-new-secret-of-more-than-32-characters"


def test_what_is_stored_can_be_read_back_and_does_not_show_the_text():
    stored = encrypt("sk-4711 ü")
    assert decrypt(stored) == "sk-4711 ü"
    assert "4711" not in stored
    assert encrypt("sk-4711 ü") != stored


def test_a_secret_is_exchanged_by_putting_a_new_one_before_it(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    stored = encrypt("key")
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert decrypt(stored) == "key"
    fresh = encrypt("key")
    settings.ENCRYPTION_KEYS = [NEW]
    assert decrypt(fresh) == "key"
    with pytest.raises(AppError) as error:
        decrypt(stored)
    assert error.value.code == "encryption_unavailable"


@pytest.mark.parametrize("secrets", [[], ["short"]])
def test_without_a_secret_nothing_is_stored(settings, secrets):
    settings.ENCRYPTION_KEYS = secrets
    with pytest.raises(AppError, match="RUBRICATE_ENCRYPTION_KEYS"):
        encrypt("key")


def test_a_stored_text_that_was_changed_is_not_read():
    stored = encrypt("key")
    changed = stored[:-2] + ("A" if stored[-2] != "A" else "B") + stored[-1]
    with pytest.raises(AppError):
        decrypt(changed)
