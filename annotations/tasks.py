"""Celery's door to the annotations app: each task calls one action."""

from celery import shared_task

from annotations.actions import finishing, reranking, study


@shared_task
def compute_study(study_id: int) -> None:
    study.work_out(study_id)


@shared_task
def requeue_stalled_studies() -> None:
    study.requeue_stalled_studies()


@shared_task
def rerank_due_campaigns() -> None:
    reranking.rerank_due_campaigns()


@shared_task
def tell_of_answered_campaigns() -> None:
    finishing.tell_of_answered_campaigns()
