"""Consent: the text for those who lead, agreeing for those who answer."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from annotations.access import answerable_campaign_for, campaign_for
from annotations.actions.consent import agree, change_consent_text, text_in_force
from annotations.forms.consent import AgreeForm, ConsentTextForm
from annotations.models import Consent
from projects.access import Capability, allows, require
from projects.errors import AppError
from projects.keyset import keyset_page
from projects.requests import AuthedRequest


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def campaign_consent(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """The text in force, and who agreed to which version when; managers change it."""
    campaign = campaign_for(request.user, slug, pk)
    text = text_in_force(campaign)
    form = ConsentTextForm(
        request.POST if request.method == "POST" else None, initial={"text": text.text if text else ""}
    )
    if request.method == "POST":
        require(campaign.project, Capability.MANAGE)
        if form.is_valid():
            version = change_consent_text(campaign=campaign, actor=request.user, text=form.cleaned_data["text"])
            changed = version is not None and (text is None or version.pk != text.pk)
            words = (
                gettext("Everybody is asked before the next item.")
                if version and version.text
                else gettext("Nothing is asked now.")
            )
            messages.success(request, words if changed else gettext("Nothing changed."))
            return redirect("annotations:campaign-consent", slug=slug, pk=pk)
    consents = Consent.objects.filter(text__campaign=campaign).select_related("text", "user").defer("text__text")
    context = {
        "project": campaign.project,
        "section": "campaigns",
        "campaign": campaign,
        "text": text,
        "form": form,
        "page": keyset_page(consents, ordering="-id", cursor=request.GET.get("cursor")),
        "may_change": allows(campaign.project, Capability.MANAGE),
    }
    return TemplateResponse(request, "annotations/campaign_consent.html", context)


@require_POST
@login_required
def consent_agree(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Agree to the version that was read, and go on to the campaign's start."""
    campaign = answerable_campaign_for(request.user, slug, pk)
    form = AgreeForm(request.POST)
    if not form.is_valid():
        raise AppError(gettext("Read the text and agree to it on the campaign's page."), code="consent_unread")
    agree(campaign=campaign, user=request.user, number=form.cleaned_data["number"])
    return redirect("annotations:campaign-start", slug=slug, pk=pk)
