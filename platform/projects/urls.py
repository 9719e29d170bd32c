"""Pages of the projects app."""

from allauth.account import views as account_views
from django.contrib.auth import views as auth_views
from django.urls import path
from django.views.i18n import set_language

from projects.views import (
    audit,
    invitation,
    language,
    leaving,
    member,
    notification,
    profile,
    project,
    project_deletion,
    saved_filter,
    site_policy,
    token,
)

app_name = "projects"
urlpatterns = [
    path("", project.project_list, name="project-list"),
    path("switcher/", project.project_switcher, name="project-switcher"),
    path("language/", set_language, name="language-set"),
    path("script-texts/<str:language>/<str:digest>.js", language.script_texts, name="script-texts"),
    path("sign-out/", auth_views.LogoutView.as_view(), name="sign-out"),
    path("server/", site_policy.site_policy, name="site-policy"),
    path("server/people/", leaving.person_find, name="person-find"),
    path("server/people/<int:pk>/delete/", leaving.person_delete, name="person-delete"),
    path("profile/", profile.profile, name="profile"),
    path("profile/theme/", profile.theme_set, name="theme-set"),
    path("profile/password/", account_views.password_change, name="password-change"),
    path("profile/keys/", profile.key_map, name="key-map"),
    path("profile/notices/", profile.mailed_notices, name="mailed-notices"),
    path("profile/activity/", profile.activity, name="activity"),
    path("profile/e-mail/", profile.email_change, name="email-change"),
    path("profile/e-mail/<str:signed>/", profile.email_confirm, name="email-confirm"),
    path("profile/delete/", leaving.account_delete, name="account-delete"),
    path("notifications/", notification.notification_list, name="notification-list"),
    path("notifications/read/", notification.notifications_read, name="notifications-read"),
    path("notifications/<int:pk>/open/", notification.notification_open, name="notification-open"),
    path("tokens/", token.token_list, name="token-list"),
    path("tokens/<int:pk>/revoke/", token.token_revoke, name="token-revoke"),
    path("invitations/<str:secret>/", invitation.invitation_accept, name="invitation-accept"),
    path("join/<str:secret>/", invitation.annotator_link_accept, name="annotator-link-accept"),
    path("p/new/", project.project_create, name="project-create"),
    path("p/<slug:slug>/", project.project_detail, name="project-detail"),
    path("p/<slug:slug>/guide/", project.guide_hide, name="guide-hide"),
    path("p/<slug:slug>/settings/", project.project_settings, name="project-settings"),
    path("p/<slug:slug>/settings/data/", project_deletion.data_policy, name="data-policy"),
    path("p/<slug:slug>/delete/", project_deletion.project_delete, name="project-delete"),
    path("p/<slug:slug>/deletion/", project_deletion.project_deletion, name="project-deletion"),
    path("p/<slug:slug>/deletion/restore/", project_deletion.project_restore, name="project-restore"),
    path("p/<slug:slug>/deletion/now/", project_deletion.project_erase, name="project-erase"),
    path("p/<slug:slug>/members/", member.member_list, name="member-list"),
    path("p/<slug:slug>/members/<int:pk>/", member.member_change, name="member-change"),
    path("p/<slug:slug>/leave/", member.project_leave, name="project-leave"),
    path("p/<slug:slug>/invitations/<int:pk>/revoke/", member.invitation_revoke, name="invitation-revoke"),
    path("p/<slug:slug>/links/<int:pk>/revoke/", member.annotator_link_revoke, name="annotator-link-revoke"),
    path("p/<slug:slug>/filters/", saved_filter.filter_save, name="filter-save"),
    path("p/<slug:slug>/filters/<int:pk>/delete/", saved_filter.filter_delete, name="filter-delete"),
    path("p/<slug:slug>/audit/", audit.audit_list, name="audit-list"),
]
