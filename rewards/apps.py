"""Django's entry for the rewards app."""

from django.apps import AppConfig


class RewardsConfig(AppConfig):
    name = "rewards"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Say what of people and projects is kept here."""
        from projects.holdings import register_holdings
        from rewards.holdings import HOLDINGS

        register_holdings(HOLDINGS)
