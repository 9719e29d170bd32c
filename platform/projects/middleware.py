"""Times are shown in the zone of the person who reads them."""

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from projects.models import User


class TimeZoneMiddleware:
    """Activate the user's time zone for the request; UTC for everyone else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Without a session cookie there is nobody to ask for, and asking would cost an API request a query.
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or not isinstance(request.user, User):
            return self.get_response(request)
        with timezone.override(_zone(request.user.time_zone)):
            return self.get_response(request)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        # A name that this machine's time zone data has dropped.
        return ZoneInfo("UTC")
