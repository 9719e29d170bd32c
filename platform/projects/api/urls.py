"""API addresses of the projects app, under /api/v1/."""

from django.urls import path

from projects.api import schema  # noqa: F401 - tells drf-spectacular about tokens by being imported
from projects.api.views import annotator_links, leaving, me, members, notifications, projects, tokens

app_name = "projects-api"
urlpatterns = [
    path("me", me.Me.as_view(), name="me"),
    path("tokens", tokens.TokenList.as_view(), name="token-list"),
    path("tokens/<int:pk>", tokens.TokenDetail.as_view(), name="token-detail"),
    path("notifications", notifications.NotificationList.as_view(), name="notification-list"),
    path("notifications/read", notifications.NotificationsRead.as_view(), name="notifications-read"),
    path("projects", projects.ProjectList.as_view(), name="project-list"),
    path("projects/<slug:slug>", projects.ProjectDetail.as_view(), name="project-detail"),
    path("projects/<slug:slug>/deletion", leaving.ProjectDeletion.as_view(), name="project-deletion"),
    path("projects/<slug:slug>/deletion/now", leaving.ProjectDeletionNow.as_view(), name="project-deletion-now"),
    path("projects/<slug:slug>/data-policy", leaving.DataPolicy.as_view(), name="data-policy"),
    path("projects/<slug:slug>/audit-events", projects.AuditEventList.as_view(), name="audit-list"),
    path("projects/<slug:slug>/members", members.MemberList.as_view(), name="member-list"),
    path("projects/<slug:slug>/members/<int:pk>", members.MemberDetail.as_view(), name="member-detail"),
    path(
        "projects/<slug:slug>/annotator-links", annotator_links.AnnotatorLinkList.as_view(), name="annotator-link-list"
    ),
    path(
        "projects/<slug:slug>/annotator-links/<int:pk>",
        annotator_links.AnnotatorLinkDetail.as_view(),
        name="annotator-link-detail",
    ),
    path("projects/<slug:slug>/invitations", members.InvitationList.as_view(), name="invitation-list"),
    path("projects/<slug:slug>/invitations/<int:pk>", members.InvitationDetail.as_view(), name="invitation-detail"),
]
