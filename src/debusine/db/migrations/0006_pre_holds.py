# SPDX-License-Identifier: GPL-3.0-or-later

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('db', '0005_pre_collections'),
    ]

    operations = [
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('requested_at', models.DateTimeField()),
                ('condition', models.CharField(max_length=16)),
                ('duration', models.DurationField()),
                ('held_at', models.DateTimeField(null=True)),
                ('until', models.DateTimeField(null=True)),
                ('network', models.BooleanField(default=False)),
                ('release_requested_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('reason', models.CharField(blank=True, default='', max_length=400)),
                ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('work_request', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='holds', to='db.workrequest')),
                ('worker', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='holds', to='db.worker')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('ended_at', None)), fields=['worker'], name='hold_worker')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('work_request',), name='hold_open')],
            },
        ),
        migrations.CreateModel(
            name='Terminal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_root', models.BooleanField(default=False)),
                ('command', models.JSONField(default=list)),
                ('opened_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
                ('exit_code', models.IntegerField(null=True)),
                ('reason', models.CharField(blank=True, default='', max_length=400)),
                ('hold', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='terminals', to='db.hold')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
    ]
