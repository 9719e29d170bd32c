"""The operator's page: who may sign up, what owners need, what was done to accounts."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from projects.access import require_operator
from projects.actions.site_policy import change_site_policy
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.forms.site_policy import SitePolicyForm
from projects.keyset import keyset_page
from projects.models import AuditEvent, SitePolicy
from projects.requests import AuthedRequest
from projects.signing_in import sends_mail


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def site_policy(request: AuthedRequest) -> HttpResponse:
    """Decide for the whole server; below it, what happened to accounts, newest first."""
    require_operator(request.user)
    policy = SitePolicy.current()
    initial = {"sign_up": policy.sign_up, "owners_need_two_factor": policy.owners_need_two_factor}
    form = SitePolicyForm(request.POST or None, initial=initial)
    if form.is_valid():
        try:
            change_site_policy(actor=request.user, **form.cleaned_data)
        except AppError as error:
            show_in_form(form, error)
        else:
            messages.success(request, gettext("Saved; it holds from now on."))
            return redirect("projects:site-policy")
    events = AuditEvent.objects.filter(project=None).for_list()
    page = keyset_page(events, ordering="-id", cursor=request.GET.get("cursor"))
    context = {"form": form, "page": page, "sends_mail": sends_mail()}
    return TemplateResponse(request, "projects/site_policy.html", context)
