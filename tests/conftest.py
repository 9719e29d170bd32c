"""Fixtures that every test may use, and how many examples a property is tried on."""

import pytest
from django.core.cache import cache
from hypothesis import settings

# Every run draws anew, so a property sees many more examples over a week than in any one run.
settings.register_profile("everyday", max_examples=40, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile("everyday")


@pytest.fixture(autouse=True)
def _limits_count_from_nothing():
    """Limits are counted by address, and all tests come from the same one."""
    cache.clear()
