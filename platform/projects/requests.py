"""What a view behind `login_required` receives."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from projects.models import User


class AuthedRequest(HttpRequest):
    """A request by a signed-in person, possibly through htmx."""

    user: User
    htmx: HtmxDetails
