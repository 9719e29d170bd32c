"""Live progress over a socket: pushed to those who may see the run, and to nobody else."""

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async as in_database
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser

from projects.models import Membership
from tests.factories import make_output, make_project, make_task, make_user
from tests.workers.counting_source import start
from workers.progress import publish
from workers.routing import websocket_urlpatterns
from workers.scoring import work_once

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = {"type": "websocket.close", "code": 4404}


def prepare(role):
    user = make_user()
    project = make_project(**({role: user} if role else {}))
    make_output(make_task(project), "a")
    run = start(project)
    run.project = project
    return user, run


class Socket(ApplicationCommunicator):
    """A WebSocket client; channels' own drags in the server daphne."""

    def __init__(self, user, run):
        path = f"/ws/p/{run.project.slug}/runs/{run.pk}/"
        super().__init__(
            URLRouter(websocket_urlpatterns), {"type": "websocket", "path": path, "headers": [], "user": user}
        )

    async def open(self):
        """What the server answers: an accept, or a close with a code."""
        await self.send_input({"type": "websocket.connect"})
        return await self.receive_output(timeout=5)

    async def next_html(self):
        message = await self.receive_output(timeout=5)
        assert message["type"] == "websocket.send"
        return message["text"]

    async def close(self):
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait()


async def test_a_viewer_is_shown_the_progress_now_and_when_it_changes(counting):
    user, run = await in_database(prepare)("viewer")
    socket = Socket(user, run)
    assert (await socket.open())["type"] == "websocket.accept"
    assert "0 of 1 scored" in await socket.next_html()
    await in_database(work_once)("cpu", run=run)
    html = await socket.next_html()
    assert "1 of 1 scored" in html
    assert 'id="run-progress"' in html
    assert "<html" not in html
    # A viewer changes nothing.
    assert "<button" not in html
    await socket.close()


@pytest.mark.parametrize("role", [None, "annotator"])
async def test_strangers_and_annotators_are_refused(counting, role):
    user, run = await in_database(prepare)(role)
    assert await Socket(user, run).open() == REFUSED


async def test_nobody_signed_in_is_refused(counting):
    _, run = await in_database(prepare)("viewer")
    assert await Socket(AnonymousUser(), run).open() == REFUSED


async def test_a_member_who_was_removed_is_shown_no_more(counting):
    user, run = await in_database(prepare)("viewer")
    socket = Socket(user, run)
    await socket.open()
    await socket.next_html()
    await in_database(Membership.objects.all().delete)()
    await in_database(publish)(run.pk, now=True)
    assert await socket.receive_output(timeout=5) == REFUSED
    await socket.close()
