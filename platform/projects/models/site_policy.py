"""What the operator decides for the whole server: one row."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class SignUp(models.TextChoices):
    OPEN = "open", _("Open: anybody with an e-mail address")
    INVITATION = "invitation", _("By invitation: whoever an owner sends a link")
    CLOSED = "closed", _("Closed: the operator makes every account")


class SitePolicy(models.Model):
    """Read through `current`; without a row the defaults hold."""

    THE_ROW = 1

    sign_up = models.CharField(max_length=10, choices=SignUp, default=SignUp.INVITATION)
    owners_need_two_factor = models.BooleanField(default=False)
    """An owner without a second factor has the rights of a manager, in pages, API and sockets alike."""
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="sitepolicy_one_row"),
            models.CheckConstraint(condition=models.Q(sign_up__in=SignUp.values), name="sitepolicy_sign_up_known"),
        ]

    def __str__(self) -> str:
        return f"sign-up {self.sign_up}"

    @classmethod
    def current(cls) -> SitePolicy:
        """The policy in force (one query)."""
        return cls.objects.filter(pk=cls.THE_ROW).first() or cls(pk=cls.THE_ROW)
