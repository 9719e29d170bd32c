"""`{% script_texts_url as url %}`: where the texts of the scripts are in the language of the page, or nothing."""

from django import template
from django.conf import settings
from django.urls import reverse
from django.utils import translation

from projects.languages import script_texts_digest

register = template.Library()


@register.simple_tag
def script_texts_url() -> str:
    """The address of the catalogue of scripts; empty where their texts stand for themselves."""
    language = translation.get_language() or settings.LANGUAGE_CODE
    digest = script_texts_digest(language)
    return reverse("projects:script-texts", args=[language, digest]) if digest else ""


@register.simple_tag
def offered_languages() -> list[tuple[str, str]]:
    """The languages of this server, each named in itself."""
    return list(settings.LANGUAGES)
