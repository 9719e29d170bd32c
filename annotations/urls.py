"""Pages of the annotations app."""

from django.urls import URLPattern

app_name = "annotations"
urlpatterns: list[URLPattern] = []
