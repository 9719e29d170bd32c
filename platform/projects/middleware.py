"""Pages speak the language of the person who reads them, and show times in their zone."""

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from projects.languages import chosen_language
from projects.models import User


class ReaderMiddleware:
    """Activate the user's language and time zone for the request.

    For everyone else it is the language that `LocaleMiddleware` found, by cookie or browser, and UTC.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Without a session cookie there is nobody to ask for, and asking would cost an API request a query.
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or not isinstance(request.user, User):
            return self.get_response(request)
        language = chosen_language(request.user) or translation.get_language()
        with timezone.override(_zone(request.user.time_zone)), translation.override(language):
            response = self.get_response(request)
        if language:
            response.headers.setdefault("Content-Language", language)
        return response


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        # A name that this machine's time zone data has dropped.
        return ZoneInfo("UTC")
