"""One's own API tokens over the API. Tokens may list them; making and revoking needs a session."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import project_for, token_for
from projects.actions.token import issue_token, revoke_token
from projects.api.pagination import KeysetPagination
from projects.api.permissions import HasSession
from projects.api.requests import AuthedApiRequest
from projects.api.serializers import IssuedTokenOutput, NewToken, TokenOutput


class TokenList(GenericAPIView[Any]):
    permission_classes = [HasSession]
    pagination_class = KeysetPagination

    @extend_schema(responses=TokenOutput(many=True), summary="Your tokens, newest first")
    def get(self, request: AuthedApiRequest) -> Response:
        rows = self.paginate_queryset(request.user.api_tokens.for_list())
        return self.get_paginated_response(TokenOutput(rows, many=True).data)

    @extend_schema(
        request=NewToken, responses={201: IssuedTokenOutput}, summary="Make a token; its secret is shown once"
    )
    def post(self, request: AuthedApiRequest) -> Response:
        form = NewToken(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        slug = asked.pop("project", None)
        project = project_for(request.user, slug, needs=None) if slug else None
        issued = issue_token(user=request.user, project=project, **asked)
        answer = {"token": TokenOutput(issued.token).data, "secret": issued.secret}
        return Response(answer, status=status.HTTP_201_CREATED)


class TokenDetail(GenericAPIView[Any]):
    permission_classes = [HasSession]

    @extend_schema(responses={204: None}, summary="Revoke a token for good")
    def delete(self, request: AuthedApiRequest, pk: int) -> Response:
        revoke_token(token=token_for(request.user, pk), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
