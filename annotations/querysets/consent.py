"""Reads of consent texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q

if TYPE_CHECKING:
    from django.db.models.expressions import Combinable

    from projects.models import User


def lacks_consent(user: User) -> Combinable:
    """Of a text: whether it asks for something, and `user` has not agreed to it."""
    from annotations.models import Consent

    given = Consent.objects.filter(text=OuterRef("pk"), user=user)
    return ExpressionWrapper(~Q(text="") & ~Exists(given), BooleanField())
