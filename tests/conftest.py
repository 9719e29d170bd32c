"""Fixtures that every test may use."""

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def _limits_count_from_nothing():
    """Limits are counted by address, and all tests come from the same one."""
    cache.clear()
