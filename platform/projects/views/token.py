"""The API tokens of the person who asks."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from projects.access import token_for
from projects.actions.token import issue_token, revoke_token
from projects.forms.token import NewTokenForm
from projects.requests import AuthedRequest


@sensitive_variables("issued")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def token_list(request: AuthedRequest) -> HttpResponse:
    """All tokens, and the form for one more; a new secret is in this one answer only."""
    form, issued = NewTokenForm(request.POST or None, user=request.user), None
    if form.is_valid():
        issued = issue_token(
            user=request.user,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            project=form.cleaned_data["project"],
            expires_at=form.expires_at,
        )
        form = NewTokenForm(user=request.user)
    context = {
        "tokens": request.user.api_tokens.for_list(),
        "form": form,
        "issued": issued,
        "now": timezone.now(),
    }
    return TemplateResponse(request, "projects/token_list.html", context)


@require_POST
@login_required
def token_revoke(request: AuthedRequest, pk: int) -> HttpResponse:
    """Make one's own token useless."""
    token = token_for(request.user, pk)
    revoke_token(token=token, actor=request.user)
    messages.success(request, gettext("Token “%(name)s” is revoked.") % {"name": token.name})
    return redirect("projects:token-list")
