"""What becomes of people and projects that go, and how much of them went."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('projects', '0003_membership_guide'),
    ]

    operations = [
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('cause', models.CharField(choices=[('person_left', 'A person left'), ('retention', "The project's retention")], max_length=11)),
                ('pseudonym', models.CharField(blank=True, max_length=40)),
                ('counts', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.AddField(
            model_name='project',
            name='deletion_asked_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='project',
            name='deletion_asked_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='projects_to_delete', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='project',
            name='deletion_due_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='project',
            name='deletion_progress',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='project',
            name='fate_of_judgments',
            field=models.CharField(choices=[('pseudonym', "Keep them under the rater's pseudonym"), ('purge', 'Erase them with the person')], default='pseudonym', max_length=9),
        ),
        migrations.AddField(
            model_name='project',
            name='retention',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='user',
            name='left_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(('fate_of_judgments__in', ['pseudonym', 'purge'])), name='project_fate_known'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('deletion_asked_at__isnull', True), ('deletion_due_at__isnull', True)), models.Q(('deletion_asked_at__isnull', False), ('deletion_due_at__isnull', False)), _connector='OR'), name='project_deletion_has_due'),
        ),
        migrations.AddField(
            model_name='erasure',
            name='project',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='erasures', to='projects.project'),
        ),
        migrations.AddIndex(
            model_name='erasure',
            index=models.Index(fields=['project', 'created_at'], name='erasure_by_time'),
        ),
        migrations.AddConstraint(
            model_name='erasure',
            constraint=models.CheckConstraint(condition=models.Q(('cause__in', ['person_left', 'retention'])), name='erasure_cause_known'),
        ),
    ]
