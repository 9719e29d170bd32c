"""What Celery runs for people and projects."""

from celery import shared_task
from django.conf import settings

from projects.actions.notification import mail_due_notices


@shared_task
def mail_notices() -> None:
    """Send the notifications that wait to be mailed; told on commit, and by beat for what was lost."""
    mail_due_notices(address=settings.PUBLIC_URL)
