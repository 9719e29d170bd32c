"""Judgments and answers cannot be deleted either, but through one door (see projects.erasing)."""

from django.db import migrations

TABLES = [
    "rewards_judgment",
    "rewards_judgmenttrace",
    "rewards_verdict",
    "rewards_rating",
    "rewards_comparison",
    "rewards_ranking",
    "rewards_rankedoutput",
    "rewards_spanmark",
    "rewards_steplabel",
    "rewards_critique",
]

# Through the door a row may go, a reference to a row that goes may be cut, and a model's replies may lose their text.
# All else is refused as ever.
WITH_DOOR = """
CREATE OR REPLACE FUNCTION rewards_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    cut text := CASE TG_TABLE_NAME
        WHEN 'rewards_judgment' THEN 'replaces_id'
        WHEN 'rewards_spanmark' THEN 'origin_id'
        WHEN 'rewards_judgmenttrace' THEN 'replies'
    END;
BEGIN
    IF current_setting('rubricate.erasing', true) = 'on' THEN
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        IF cut IS NOT NULL AND to_jsonb(NEW) - cut = to_jsonb(OLD) - cut
            AND (cut = 'replies' OR to_jsonb(NEW) ->> cut IS NULL)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% rows are append-only: insert a new version or a replacement instead', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$
"""

WITHOUT_DOOR = """
CREATE OR REPLACE FUNCTION rewards_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are append-only: insert a new version or a replacement instead', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$
"""


def keep(table: str) -> migrations.RunSQL:
    # The condition spares rows that go through the door a call of the function each.
    return migrations.RunSQL(
        f"CREATE TRIGGER append_only_delete BEFORE DELETE ON {table} FOR EACH ROW "
        "WHEN (current_setting('rubricate.erasing', true) IS DISTINCT FROM 'on') "
        "EXECUTE FUNCTION rewards_refuse_change()",
        f"DROP TRIGGER append_only_delete ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [("rewards", "0007_stored_reward"), ("projects", "0004_leaving")]

    operations = [migrations.RunSQL(WITH_DOOR, WITHOUT_DOOR), *[keep(table) for table in TABLES]]
