"""Answers and versions are append-only in the database itself, whatever code runs."""

from django.db import migrations

# Wholly immutable: no column may change after the insert.
FROZEN_TABLES = [
    "rewards_verdict",
    "rewards_rating",
    "rewards_comparison",
    "rewards_ranking",
    "rewards_rankedoutput",
    "rewards_spanmark",
    "rewards_steplabel",
    "rewards_critique",
    "rewards_criterion",
    "rewards_judgmenttrace",
]

# Immutable but for bookkeeping: these columns may not change.
FROZEN_COLUMNS = {
    "rewards_task": ["project_id", "external_id", "version", "messages", "reference", "context", "content_hash"],
    "rewards_output": ["project_id", "task_id", "external_id", "version", "messages", "content_hash"],
    "rewards_rubricversion": ["rubric_id", "number", "content_hash"],
    "rewards_recipeversion": ["recipe_id", "number", "tree", "content_hash"],
    "rewards_segmentation": ["output_id", "segmenter", "spans", "count"],
    "rewards_rewardsignal": ["rater_id", "segmentation_id", "channel", "values", "input_hash", "repeat"],
    "rewards_judgment": [
        "project_id",
        "kind",
        "rater_id",
        "task_id",
        "output_id",
        "input_hash",
        "repeat",
        "act",
        "idempotency_key",
        "presentation",
        "replaces_id",
    ],
}

CREATE_FUNCTION = """
CREATE FUNCTION rewards_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are append-only: insert a new version or a replacement instead', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$
"""


def freeze(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER append_only BEFORE UPDATE ON {table} "
        "FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION rewards_refuse_change()",
        f"DROP TRIGGER append_only ON {table}",
    )


def freeze_columns(table: str, columns: list[str]) -> migrations.RunSQL:
    changed = " OR ".join(f'OLD."{column}" IS DISTINCT FROM NEW."{column}"' for column in columns)
    return migrations.RunSQL(
        f"CREATE TRIGGER append_only BEFORE UPDATE ON {table} "
        f"FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION rewards_refuse_change()",
        f"DROP TRIGGER append_only ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [("rewards", "0001_initial")]

    operations = [
        migrations.RunSQL(CREATE_FUNCTION, "DROP FUNCTION rewards_refuse_change()"),
        *[freeze(table) for table in FROZEN_TABLES],
        *[freeze_columns(table, columns) for table, columns in FROZEN_COLUMNS.items()],
    ]
