"""Django's entry for the annotations app."""

from django.apps import AppConfig


class AnnotationsConfig(AppConfig):
    name = "annotations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Say what of people and projects is kept here."""
        from annotations.holdings import HOLDINGS
        from projects.holdings import register_holdings

        register_holdings(HOLDINGS)
