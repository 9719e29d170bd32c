"""One's own notifications over the API."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import notifications_for
from projects.actions.notification import mark_read
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.serializers import NotificationOutput, ReadNotifications, UnreadOutput


class NotificationList(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(
        parameters=[OpenApiParameter("unread", bool, description="Only those that nobody has looked at.")],
        responses=NotificationOutput(many=True),
        summary="Your notifications, newest first",
    )
    def get(self, request: AuthedApiRequest) -> Response:
        notifications = notifications_for(request.user)
        if request.query_params.get("unread") in ("1", "true"):
            notifications = notifications.unread()
        rows = self.paginate_queryset(notifications.for_list())
        return self.get_paginated_response(NotificationOutput(rows, many=True).data)


class NotificationsRead(GenericAPIView[Any]):
    @extend_schema(
        request=ReadNotifications, responses=UnreadOutput, summary="Take some of your notifications, or all, as read"
    )
    def post(self, request: AuthedApiRequest) -> Response:
        form = ReadNotifications(data=request.data)
        form.is_valid(raise_exception=True)
        # A token that is bound to one project takes nothing of another one as read.
        mine = notifications_for(request.user)
        ids = form.validated_data.get("ids")
        chosen = mine if ids is None else mine.filter(pk__in=ids)
        read = mark_read(user=request.user, pks=chosen.values_list("pk", flat=True))
        return Response({"read": read, "unread": request.user.unread_count})
