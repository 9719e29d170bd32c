"""Every address: pages of the four apps at the root, their API under /api/v1/."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from rubricate import health, metrics

# Its own form would know neither the limits nor the second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

api_urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("", include("annotations.api.urls")),
    path("", include("projects.api.urls")),
    path("", include("rewards.api.urls")),
    path("", include("workers.api.urls")),
]

# They are tried one by one: first what annotators and programs ask for all day.
urlpatterns = [
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics.metrics, name="metrics"),
    path("api/v1/", include(api_urlpatterns)),
    path("", include("annotations.urls")),
    path("", include("projects.account_urls")),
    path("", include("projects.urls")),
    path("", include("rewards.urls")),
    path("", include("workers.urls")),
    path("admin/", admin.site.urls),
]
