"""Pages of the annotations app."""

from django.urls import URLPattern, path

from annotations.views import studies

app_name = "annotations"

study_urls = [
    path("p/<slug:slug>/compare/", studies.study_list, name="study-list"),
    path("p/<slug:slug>/compare/new/<slug:kind>/", studies.study_create, name="study-create"),
    path("p/<slug:slug>/compare/<int:pk>/", studies.study_detail, name="study-detail"),
    path("p/<slug:slug>/compare/<int:pk>/delete/", studies.study_delete, name="study-delete"),
]

urlpatterns: list[URLPattern] = [*study_urls]
