"""Django's entry for the project package, installed for its management command."""

from django.apps import AppConfig


class RubricateConfig(AppConfig):
    name = "rubricate"
