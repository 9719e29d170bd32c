from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("projects", "0006_user_language")]

    operations = [
        migrations.RemoveConstraint("savedfilter", "savedfilter_list_known"),
        migrations.AlterField(
            "savedfilter",
            "of_list",
            models.CharField(
                choices=[("tasks", "Tasks"), ("items", "Items of campaigns"), ("audit", "Audit log")], max_length=20
            ),
        ),
        migrations.AddConstraint(
            "savedfilter",
            models.CheckConstraint(
                condition=models.Q(of_list__in=["tasks", "items", "audit"]), name="savedfilter_list_known"
            ),
        ),
    ]
