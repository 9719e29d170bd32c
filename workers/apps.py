"""Django's entry for the workers app."""

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "workers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the pages below what stands behind a scorer, and what of projects is kept here."""
        from projects.holdings import register_holdings
        from rewards.provenance import register_made_describer, register_rater_describer
        from workers.holdings import HOLDINGS
        from workers.provenance import facts_of_made, facts_of_raters

        register_rater_describer(facts_of_raters)
        register_made_describer(facts_of_made)
        register_holdings(HOLDINGS)
