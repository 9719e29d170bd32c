"""API tokens as a way to sign in."""

from rest_framework.authentication import BaseAuthentication


class TokenAuthentication(BaseAuthentication):
    """Accept `Authorization: Bearer <token>`."""

    def authenticate(self, request: object) -> None:
        return None
