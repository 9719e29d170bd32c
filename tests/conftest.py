"""Fixtures that every test may use, and how many examples a property is tried on."""

import pytest
from django.core.cache import cache
from django.db import connection
from hypothesis import settings

from tests import services

# Every run draws anew, so a property sees many more examples over a week than in any one run.
settings.register_profile("everyday", max_examples=40, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile("everyday")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    """Migrating takes longer than any test: processes that test side by side copy one database."""
    if services.wait_for_migrated_database():
        connection.settings_dict["TEST"]["TEMPLATE"] = connection.settings_dict["NAME"]


@pytest.fixture(autouse=True)
def _limits_count_from_nothing():
    """Limits are counted by address, and all tests come from the same one."""
    cache.clear()
