"""Pages of the projects app."""

from django.contrib.auth import views as auth_views
from django.urls import path, reverse_lazy

from projects.views import audit, invitation, member, profile, project, token

app_name = "projects"
urlpatterns = [
    path("", project.project_list, name="project-list"),
    path("switcher/", project.project_switcher, name="project-switcher"),
    path(
        "sign-in/",
        auth_views.LoginView.as_view(template_name="projects/sign_in.html", redirect_authenticated_user=True),
        name="sign-in",
    ),
    path("sign-out/", auth_views.LogoutView.as_view(), name="sign-out"),
    path("profile/", profile.profile, name="profile"),
    path("profile/theme/", profile.theme_set, name="theme-set"),
    path(
        "profile/password/",
        auth_views.PasswordChangeView.as_view(
            template_name="projects/password_form.html", success_url=reverse_lazy("projects:profile")
        ),
        name="password-change",
    ),
    path("tokens/", token.token_list, name="token-list"),
    path("tokens/<int:pk>/revoke/", token.token_revoke, name="token-revoke"),
    path("invitations/<str:secret>/", invitation.invitation_accept, name="invitation-accept"),
    path("p/new/", project.project_create, name="project-create"),
    path("p/<slug:slug>/", project.project_detail, name="project-detail"),
    path("p/<slug:slug>/settings/", project.project_settings, name="project-settings"),
    path("p/<slug:slug>/members/", member.member_list, name="member-list"),
    path("p/<slug:slug>/members/<int:pk>/", member.member_change, name="member-change"),
    path("p/<slug:slug>/leave/", member.project_leave, name="project-leave"),
    path("p/<slug:slug>/invitations/<int:pk>/revoke/", member.invitation_revoke, name="invitation-revoke"),
    path("p/<slug:slug>/audit/", audit.audit_list, name="audit-list"),
]
