"""Answers as they were sent may be emptied by retention, through the door for erasing; consents never change."""

from django.db import migrations

FROZEN = (
    "OLD.assignment_id IS DISTINCT FROM NEW.assignment_id OR OLD.idempotency_key IS DISTINCT FROM NEW.idempotency_key "
    "OR OLD.act IS DISTINCT FROM NEW.act OR (OLD.answer IS DISTINCT FROM NEW.answer{unless})"
)
UNLESS = (
    " AND (NEW.answer <> '{}'::jsonb OR current_setting('rubricate.erasing', true) IS DISTINCT FROM 'on')"
)
# The function comes with rewards.0002_append_only.
FREEZE = (
    "CREATE TRIGGER append_only BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({changed}) "
    "EXECUTE FUNCTION rewards_refuse_change()"
)
UNFREEZE = "DROP TRIGGER append_only ON {table}"
TEXT_CHANGED = " OR ".join(
    f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in ("campaign_id", "number", "text", "sha256")
)


def replace(unless: str) -> str:
    table = "annotations_submission"
    changed = FROZEN.replace("{unless}", unless)
    return f"{UNFREEZE.format(table=table)}; {FREEZE.format(table=table, changed=changed)}"


def freeze(table: str, changed: str) -> migrations.RunSQL:
    return migrations.RunSQL(FREEZE.format(table=table, changed=changed), UNFREEZE.format(table=table))


class Migration(migrations.Migration):
    dependencies = [("annotations", "0007_consent"), ("rewards", "0008_door_for_erasing")]

    operations = [
        migrations.RunSQL(replace(UNLESS), replace("")),
        freeze("annotations_consenttext", TEXT_CHANGED),
        freeze("annotations_consent", "OLD.* IS DISTINCT FROM NEW.*"),
    ]
