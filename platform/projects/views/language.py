"""The texts of the scripts as a script of its own: pages carry no inline one."""

from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe
from django.views.i18n import JavaScriptCatalog

from projects.languages import script_texts_digest

_YEAR = 365 * 24 * 3600


@require_safe
def script_texts(request: HttpRequest, language: str, digest: str) -> HttpResponseBase:
    """The catalogue of one language; the address names its content, so that a browser keeps it for good."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    with translation.override(language):
        # Texts of other apps' scripts, such as those of the administration, are not ours to send.
        response = JavaScriptCatalog.as_view(packages=["projects"])(request)
    if digest == script_texts_digest(language):
        patch_cache_control(response, public=True, immutable=True, max_age=_YEAR)
    else:
        # A page of another release of this server asked.
        patch_cache_control(response, no_cache=True)
    return response
