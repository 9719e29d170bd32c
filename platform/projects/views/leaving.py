"""Pages by which a person's account goes for good: by themselves, and by the operator."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from projects.access import require_operator
from projects.actions.leaving import Farewell, erase_person, farewell_of
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.forms.leaving import LeavingForm
from projects.holdings import in_words
from projects.models import User
from projects.requests import AuthedRequest


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]
def account_delete(request: AuthedRequest) -> HttpResponse:
    """What will happen in each project, and the button; a session that was left open is asked for the password."""
    user = request.user
    farewell = farewell_of(user)
    form = _form(request, user, farewell)
    if form.is_valid() and _erased(form, user=user, actor=user):
        logout(request)
        messages.success(request, gettext("Your account is deleted. Thank you for your work."))
        return redirect("account_login")
    context = {"tab": "delete", **_context(form, user, farewell)}
    return TemplateResponse(request, "projects/account_delete.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def person_delete(request: AuthedRequest, pk: int) -> HttpResponse:
    """The same for somebody else, by the operator."""
    # Before the password is asked for: to everybody else there is no such page.
    require_operator(request.user)
    response: HttpResponse = _person_delete(request, pk)
    return response


@reauthentication_required  # type: ignore[untyped-decorator]
def _person_delete(request: AuthedRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(User, pk=pk, left_at=None)
    farewell = farewell_of(person)
    form = _form(request, person, farewell)
    if form.is_valid() and _erased(form, user=person, actor=request.user):
        if person == request.user:
            logout(request)
            return redirect("account_login")
        messages.success(request, gettext("The account is deleted."))
        return redirect("projects:site-policy")
    return TemplateResponse(request, "projects/person_delete.html", _context(form, person, farewell))


@require_safe
@login_required
def person_find(request: AuthedRequest) -> HttpResponse:
    """From a user name, as the operator types it, to the page on which the account is deleted."""
    require_operator(request.user)
    name = request.GET.get("name", "").strip()
    person = User.objects.filter(username=name, left_at=None).first()
    if person is None:
        raise AppError(gettext("Nobody here has this user name."), code="user_unknown", status=404)
    return redirect("projects:person-delete", pk=person.pk)


def _form(request: AuthedRequest, user: User, farewell: Farewell) -> LeavingForm:
    fates = {parting.project.pk: str(parting.fate) for parting in farewell.partings}
    return LeavingForm(request.POST or None, username=user.username, fates=fates)


def _erased(form: LeavingForm, *, user: User, actor: User) -> bool:
    try:
        erase_person(user=user, actor=actor, agreed=form.cleaned_data["fates"])
    except AppError as error:
        show_in_form(form, error)
        return False
    return True


def _context(form: LeavingForm, person: User, farewell: Farewell) -> dict[str, Any]:
    return {
        "form": form,
        "fates": form.fields["fates"].initial,
        "person": person,
        "farewell": farewell,
        "partings": [(parting, in_words(parting.counts)) for parting in farewell.partings],
    }
