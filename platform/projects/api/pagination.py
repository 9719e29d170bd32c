"""Keyset pagination of API lists: `?cursor=&limit=` in, `{"next", "results"}` out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.utils.translation import gettext
from rest_framework.pagination import BasePagination
from rest_framework.response import Response

from projects.errors import AppError
from projects.keyset import PAGE_SIZE, KeysetPage, keyset_page

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

LONGEST_PAGE = 200


class KeysetPagination(BasePagination):
    """The same cost at any depth.

    The view may set `keyset_ordering` (default ``"-id"``), the column to go by; an index on (column, id) serves it.
    `next` is the whole address of the next page, or null on the last one.
    """

    def paginate_queryset(  # type: ignore[override]  # a list has no index to go by
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any]:
        self.request = request
        self.page: KeysetPage[Any] = keyset_page(
            queryset,
            ordering=getattr(view, "keyset_ordering", "-id"),
            cursor=request.query_params.get("cursor"),
            limit=_limit(request.query_params.get("limit")),
        )
        return self.page.rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self._next_address(), "results": data})

    def get_paginated_response_schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """How a page looks in the OpenAPI document."""
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {
                "next": {
                    "type": "string",
                    "format": "uri",
                    "nullable": True,
                    "description": "The address of the next page; null on the last one.",
                },
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """The query parameters in the OpenAPI document."""
        return [
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "Where the page starts, as `next` gave it.",
                "schema": {"type": "string"},
            },
            {
                "name": "limit",
                "in": "query",
                "required": False,
                "description": "Rows at most.",
                "schema": {"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": PAGE_SIZE},
            },
        ]

    def _next_address(self) -> str | None:
        if self.page.next_cursor is None:
            return None
        query = self.request.query_params.copy()
        query["cursor"] = self.page.next_cursor
        return self.request.build_absolute_uri(f"{self.request.path}?{query.urlencode()}")


def _limit(text: str | None) -> int:
    if not text:
        return PAGE_SIZE
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= LONGEST_PAGE):
        message = gettext("Give a number from 1 to %(longest_page)s.") % {"longest_page": LONGEST_PAGE}
        raise AppError(message, code="limit_invalid", fields={"limit": [message]})
    return int(text)
