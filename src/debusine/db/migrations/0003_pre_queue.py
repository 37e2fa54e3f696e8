# SPDX-License-Identifier: GPL-3.0-or-later

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('db', '0002_pre_idle_uploads_tags_blame'),
    ]

    operations = [
        migrations.CreateModel(
            name='Enrolment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('nonce', models.CharField(max_length=64, unique=True)),
                ('challenge', models.CharField(max_length=100)),
                ('scope', models.CharField(max_length=255)),
                ('hostname', models.CharField(max_length=255)),
                ('created_at', models.DateTimeField()),
                ('outcome', models.CharField(blank=True, max_length=8)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.BigIntegerField(null=True, unique=True)),
                ('kind', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField()),
                ('data', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='EventCounter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('last', models.BigIntegerField(default=0)),
                ('removed', models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='EventReader',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=32, unique=True)),
                ('position', models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField()),
                ('tries', models.PositiveIntegerField(default=0)),
                ('due_at', models.DateTimeField(null=True)),
                ('delivered_at', models.DateTimeField(null=True)),
                ('error', models.TextField(blank=True, default='')),
                ('history', models.JSONField(default=list)),
                ('number', models.PositiveIntegerField()),
                ('channel', models.CharField(max_length=20)),
                ('data', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='NotificationChannel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=20, unique=True)),
                ('method', models.CharField(default='email', max_length=16)),
                ('data', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='QueueBasis',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('basis', models.JSONField(default=dict)),
                ('position', models.BigIntegerField(default=0, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='RunRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('task_type', models.CharField(max_length=16)),
                ('task_name', models.CharField(max_length=100)),
                ('subject', models.CharField(blank=True, default='', max_length=255)),
                ('context', models.CharField(blank=True, default='', max_length=255)),
                ('completed_at', models.DateTimeField()),
                ('duration_s', models.FloatField(null=True)),
                ('cpu_time_s', models.FloatField(null=True)),
                ('memory_mib', models.PositiveIntegerField(null=True)),
                ('disk_mib', models.PositiveIntegerField(null=True)),
                ('ran_out', models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name='Share',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('weight', models.FloatField(default=1.0)),
                ('used_s', models.FloatField(default=0.0)),
                ('updated_s', models.FloatField(default=0.0)),
            ],
        ),
        migrations.CreateModel(
            name='Timer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=64)),
                ('key', models.CharField(max_length=100)),
                ('due_at', models.DateTimeField(db_index=True)),
                ('data', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('url', models.CharField(max_length=2000)),
                ('secret', models.CharField(max_length=128)),
                ('kinds', models.JSONField(default=list)),
                ('enabled', models.BooleanField(default=True)),
                ('disabled_reason', models.CharField(blank=True, default='', max_length=255)),
                ('failing_since', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField()),
                ('position', models.BigIntegerField(default=0)),
                ('due_at', models.DateTimeField(null=True)),
                ('leased_until', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField()),
                ('tries', models.PositiveIntegerField(default=0)),
                ('due_at', models.DateTimeField(null=True)),
                ('delivered_at', models.DateTimeField(null=True)),
                ('error', models.TextField(blank=True, default='')),
                ('history', models.JSONField(default=list)),
                ('status', models.PositiveIntegerField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name='attempt',
            name='artifact_count',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='workrequest',
            name='handed_back',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='worker',
            name='version',
            field=models.CharField(blank=True, default='', max_length=100),
        ),
        migrations.AddField(
            model_name='attempt',
            name='cpu_count',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='attempt',
            name='disk_mib',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='attempt',
            name='lost_by',
            field=models.CharField(blank=True, default='', max_length=32),
        ),
        migrations.AddField(
            model_name='attempt',
            name='next_step',
            field=models.CharField(blank=True, default='', max_length=200),
        ),
        migrations.AddField(
            model_name='attempt',
            name='memory_mib',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='signature',
            name='cpu_count',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='signature',
            name='disk_mib',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='signature',
            name='memory_mib',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='signature',
            name='unused_since',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='worker',
            name='capability_key',
            field=models.CharField(blank=True, default='', max_length=64),
        ),
        migrations.AddIndex(
            model_name='worker',
            index=models.Index(condition=models.Q(('connected_at__isnull', False)), fields=['capability_key', 'id'], name='worker_kind'),
        ),
        migrations.AddField(
            model_name='worker',
            name='cpu_count',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='worker',
            name='disk_mib',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='worker',
            name='drain_reason',
            field=models.CharField(blank=True, default='', max_length=200),
        ),
        migrations.AddField(
            model_name='worker',
            name='drained_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='worker',
            name='memory_mib',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='workrequest',
            name='delayed_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='workrequest',
            name='reuse',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='workrequest',
            name='reused_from',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='db.workrequest'),
        ),
        migrations.AddField(
            model_name='workrequest',
            name='unmet_dependencies',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(condition=models.Q(('action_key', ''), _negated=True), fields=['action_key'], name='attempt_action'),
        ),
        migrations.AddField(
            model_name='event',
            name='work_request',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='db.workrequest'),
        ),
        migrations.AddField(
            model_name='event',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='db.workspace'),
        ),
        migrations.AddField(
            model_name='notification',
            name='event',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='db.event'),
        ),
        migrations.AddIndex(
            model_name='runrecord',
            index=models.Index(fields=['task_type', 'task_name', 'subject', 'context', '-completed_at'], name='run_record_newest'),
        ),
        migrations.AddField(
            model_name='share',
            name='user',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='share', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='share',
            name='workspace',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='share', to='db.workspace'),
        ),
        migrations.AddIndex(
            model_name='share',
            index=models.Index(condition=models.Q(('user__isnull', False)), fields=['-updated_s'], name='share_user'),
        ),
        migrations.AddIndex(
            model_name='share',
            index=models.Index(condition=models.Q(('workspace__isnull', False)), fields=['-updated_s'], name='share_workspace'),
        ),
        migrations.AddIndex(
            model_name='workrequest',
            index=models.Index(condition=models.Q(('delayed_until__isnull', False), ('status', 'pending')), fields=['delayed_until'], name='work_request_delayed'),
        ),
        migrations.AddIndex(
            model_name='workrequest',
            index=models.Index(condition=models.Q(('status', 'blocked'), ('unmet_dependencies', 0)), fields=['id'], name='work_request_settled'),
        ),
        migrations.AddConstraint(
            model_name='timer',
            constraint=models.UniqueConstraint(fields=('kind', 'key'), name='timer_once'),
        ),
        migrations.AddField(
            model_name='webhook',
            name='created_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='webhook',
            name='workspace',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to='db.workspace'),
        ),
        migrations.AddField(
            model_name='webhookdelivery',
            name='event',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='db.event'),
        ),
        migrations.AddField(
            model_name='webhookdelivery',
            name='webhook',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='db.webhook'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['workspace', 'position'], name='event_workspace'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(condition=models.Q(('position', None)), fields=['id'], name='event_new'),
        ),
        migrations.AddIndex(
            model_name='notification',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='notification_due'),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.UniqueConstraint(fields=('event', 'number'), name='notification_once'),
        ),
        migrations.AddConstraint(
            model_name='share',
            constraint=models.CheckConstraint(condition=models.Q(('user__isnull', True), ('workspace__isnull', True), _connector='XOR'), name='share_of_one'),
        ),
        migrations.AddIndex(
            model_name='webhook',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='webhook_due'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.UniqueConstraint(fields=('workspace', 'name'), name='webhook_name'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['webhook', 'due_at'], name='webhook_delivery_due'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.UniqueConstraint(fields=('webhook', 'event'), name='webhook_delivery_once'),
        ),
    ]
