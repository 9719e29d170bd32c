"""WebSocket addresses."""

from django.urls import URLPattern, path

from workers.consumers import RunConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/p/<slug:slug>/runs/<int:pk>/", RunConsumer.as_asgi()),
]
