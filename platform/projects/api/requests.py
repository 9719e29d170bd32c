"""What an API view receives once its permissions have passed."""

from rest_framework.request import Request

from projects.models import ApiToken, User


class AuthedApiRequest(Request):
    """A request by a person, with a session or a token."""

    user: User
    auth: ApiToken | None
