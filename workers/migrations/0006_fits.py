import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('projects', '0001_initial'),
        ('rewards', '0006_judgment_replies'),
        ('workers', '0005_frozen_prompt_versions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='scorer',
            name='artefact',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='scorers', to='workers.artefact'),
        ),
        migrations.CreateModel(
            name='Fit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=40)),
                ('name', models.CharField(max_length=200)),
                ('parameters', models.JSONField(default=dict)),
                ('seed', models.BigIntegerField(default=0)),
                ('status', models.CharField(choices=[('pending', 'Waiting'), ('running', 'Running'), ('finished', 'Finished'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='pending', max_length=9)),
                ('progress', models.CharField(blank=True, max_length=200)),
                ('facts', models.JSONField(default=dict)),
                ('failure', models.TextField(blank=True)),
                ('attempt', models.UUIDField(null=True)),
                ('heartbeat_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('artefact', models.ForeignKey(null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='fits', to='workers.artefact')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='fits', to=settings.AUTH_USER_MODEL)),
                ('endpoint', models.ForeignKey(on_delete=django.db.models.deletion.RESTRICT, related_name='fits', to='workers.modelendpoint')),
                ('export', models.ForeignKey(on_delete=django.db.models.deletion.RESTRICT, related_name='fits', to='rewards.export')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fits', to='projects.project')),
            ],
            options={
                'indexes': [models.Index(fields=['project', '-id'], name='fit_recent')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'running', 'finished', 'failed', 'cancelled'])), name='fit_status_known'), models.CheckConstraint(condition=models.Q(models.Q(('artefact__isnull', False), ('status', 'finished')), models.Q(models.Q(('status', 'finished'), _negated=True), ('artefact', None)), _connector='OR'), name='fit_artefact_if_finished')],
            },
        ),
    ]
