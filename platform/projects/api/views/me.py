"""Who is asking."""

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from projects.api.requests import AuthedApiRequest
from projects.api.serializers import MeOutput, TokenOutput


class Me(APIView):
    @extend_schema(responses=MeOutput, summary="Who you are, and the token you came with")
    def get(self, request: AuthedApiRequest) -> Response:
        user = request.user
        return Response(
            {
                "id": user.pk,
                "username": user.username,
                "display_name": user.display_name,
                "email": user.email,
                "language": user.language,
                "time_zone": user.time_zone,
                "theme": user.theme,
                "token": TokenOutput(request.auth).data if request.auth else None,
            }
        )
