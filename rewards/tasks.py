"""Celery's door to the rewards app: each task calls one action."""

from celery import shared_task

from rewards.actions import exports, imports, recipe_rewards


@shared_task
def run_import_batch(batch_id: int) -> None:
    imports.run_import(batch_id)


@shared_task
def requeue_stalled_imports() -> None:
    imports.requeue_stalled_imports()


@shared_task
def build_export_files(export_id: int) -> None:
    exports.build_export(export_id)


@shared_task
def requeue_stalled_exports() -> None:
    exports.requeue_stalled_exports()


@shared_task
def store_recipe_reward(stored_id: int) -> None:
    recipe_rewards.store_reward(stored_id)


@shared_task
def requeue_stalled_stored_rewards() -> None:
    recipe_rewards.requeue_stalled_stored_rewards()
