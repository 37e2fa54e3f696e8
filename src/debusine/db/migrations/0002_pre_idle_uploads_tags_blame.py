# SPDX-License-Identifier: GPL-3.0-or-later

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('db', '0001_pre_first'),
    ]

    operations = [
        migrations.AddField(
            model_name='artifact',
            name='last_upload_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='attempt',
            name='blame',
            field=models.CharField(blank=True, default='', max_length=16),
        ),
        migrations.AddField(
            model_name='worker',
            name='tag_sources',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='workrequest',
            name='tag_sources',
            field=models.JSONField(default=dict),
        ),
        migrations.AddIndex(
            model_name='fileinartifact',
            index=models.Index(condition=models.Q(('complete', False)), fields=['artifact'], name='file_incomplete'),
        ),
        migrations.AddIndex(
            model_name='fileupload',
            index=models.Index(fields=['last_activity_at'], name='upload_idle'),
        ),
    ]
