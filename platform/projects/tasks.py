"""What Celery runs for people and projects."""

from celery import shared_task
from django.conf import settings

from projects.actions import retention
from projects.actions.departures import finish_due_departures
from projects.actions.notification import mail_due_notices
from projects.actions.project_deletion import erase_due_projects


@shared_task
def mail_notices() -> None:
    """Send the notifications that wait to be mailed; told on commit, and by beat for what was lost."""
    mail_due_notices(address=settings.PUBLIC_URL)


@shared_task
def delete_due_projects() -> None:
    """Erase projects that were marked for deletion and not restored in time."""
    erase_due_projects()


@shared_task
def finish_departures() -> None:
    """Erase what people who left have left behind; told on commit, and by beat for what was cut off."""
    finish_due_departures()


@shared_task
def apply_retention() -> None:
    """Erase what projects do not keep any longer."""
    retention.apply_retention()
