"""Prompt versions are append-only in the database itself, whatever code runs."""

from django.db import migrations

FREEZE = (
    "CREATE TRIGGER append_only BEFORE UPDATE ON workers_promptversion "
    "FOR EACH ROW WHEN ("
    'OLD."prompt_id" IS DISTINCT FROM NEW."prompt_id" OR OLD."number" IS DISTINCT FROM NEW."number" OR '
    'OLD."template" IS DISTINCT FROM NEW."template" OR OLD."content_hash" IS DISTINCT FROM NEW."content_hash"'
    ") EXECUTE FUNCTION rewards_refuse_change()"
)


class Migration(migrations.Migration):
    dependencies = [("workers", "0004_usage_and_groups"), ("rewards", "0002_append_only")]

    operations = [migrations.RunSQL(FREEZE, "DROP TRIGGER append_only ON workers_promptversion")]
