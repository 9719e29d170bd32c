"""API addresses of the annotations app, under /api/v1/."""

from django.urls import URLPattern, path

from annotations.api import studies

app_name = "annotations-api"

study_urls = [
    path("projects/<slug:slug>/studies", studies.StudyList.as_view(), name="study-list"),
    path("projects/<slug:slug>/studies/<int:pk>", studies.StudyDetail.as_view(), name="study-detail"),
]

urlpatterns: list[URLPattern] = [*study_urls]
