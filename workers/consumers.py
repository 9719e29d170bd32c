"""Live progress of a run: the page's own partial, pushed over a socket."""

import asyncio
import contextlib
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import AnonymousUser
from django.http import Http404
from django.template.loader import render_to_string
from django.utils import translation

from projects.errors import AppError
from projects.languages import letter_language
from projects.models import User
from workers.access import run_for
from workers.progress import group_name, progress_of

NOT_FOUND = 4404
_SECONDS_BETWEEN = 0.5


class RunConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends the progress when the socket opens and whenever the run changed; access is checked each time.

    Changes that come in quick succession are shown together.
    """

    async def connect(self) -> None:
        """Refuse who may not see the run, as a page would: 404."""
        self.user: User | AnonymousUser = self.scope["user"]
        self.slug: str = self.scope["url_route"]["kwargs"]["slug"]
        self.pk = int(self.scope["url_route"]["kwargs"]["pk"])
        self._waiting: asyncio.Task[None] | None = None
        html = await database_sync_to_async(self._html)()
        if html is None:
            await self.close(code=NOT_FOUND)
            return
        await self.channel_layer.group_add(group_name(self.pk), self.channel_name)
        await self.accept()
        await self.send(text_data=html)

    async def disconnect(self, code: int) -> None:
        """Leave the group."""
        if self._waiting is not None:
            self._waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._waiting
        await self.channel_layer.group_discard(group_name(self.pk), self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing is taken from the page: its buttons speak HTTP."""

    async def run_changed(self, event: dict[str, Any]) -> None:
        """Show the run anew in a moment, unless that is already to happen."""
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.create_task(self._show_soon())

    async def _show_soon(self) -> None:
        await asyncio.sleep(_SECONDS_BETWEEN)
        html: str | None = await database_sync_to_async(self._html)()
        if html is None:
            await self.close(code=NOT_FOUND)
        else:
            await self.send(text_data=html)

    def _html(self) -> str | None:
        """The partial, or None for who may not see it (any more)."""
        if isinstance(self.user, AnonymousUser):
            return None
        try:
            run = run_for(self.user, self.slug, self.pk)
        except (Http404, AppError):
            return None
        context = {"project": run.project, "run": run, "progress": progress_of(run)}
        with translation.override(letter_language(self.user)):
            return render_to_string("workers/run_detail.html#progress", context)
