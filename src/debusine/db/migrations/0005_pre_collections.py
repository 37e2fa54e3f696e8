# SPDX-License-Identifier: GPL-3.0-or-later

from datetime import UTC, datetime, timedelta

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FORMATS = {'debian:system-tarball': 'tarball', 'debian:system-image': 'image'}


def find_environments(apps, schema_editor):
    """Environments that are there already are found by the new columns, too."""
    items = apps.get_model('db', 'CollectionItem').objects.using(schema_editor.connection.alias)
    known = items.filter(collection__category='debian:environments', category__in=FORMATS)
    for item in known.iterator():
        data = item.data
        parts = [
            data.get('codename'),
            data.get('architecture'),
            FORMATS[item.category],
            data.get('backend'),
            data.get('variant'),
            data.get('origin'),
            'unlisted' if data.get('default') is False else '',
        ]
        item.key = ':'.join(part or '' for part in parts)
        since = item.created_at - EPOCH
        item.rank = (since // timedelta(microseconds=1) + (1 << 63)).to_bytes(8, 'big')
        item.save(update_fields=['key', 'rank'])


class Migration(migrations.Migration):

    dependencies = [
        ('db', '0004_pre_places'),
    ]

    operations = [
        migrations.CreateModel(
            name='CollectionRelation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('type', models.CharField(max_length=32)),
                ('position', models.PositiveIntegerField(null=True)),
                ('created_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='ItemConstraint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64)),
                ('key', models.CharField(max_length=1024)),
                ('value', models.CharField(max_length=255)),
                ('item_id', models.BigIntegerField(db_index=True)),
            ],
        ),
        migrations.AddField(
            model_name='collection',
            name='retains_artifacts',
            field=models.CharField(choices=[('never', 'Never'), ('workflow', 'Workflow'), ('always', 'Always')], default='always', max_length=8),
        ),
        migrations.AddField(
            model_name='collectionitem',
            name='about',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='collectionitem',
            name='key',
            field=models.CharField(blank=True, default='', max_length=1024),
        ),
        migrations.AddField(
            model_name='collectionitem',
            name='rank',
            field=models.BinaryField(blank=True, default=b''),
        ),
        migrations.AddField(
            model_name='collectionitem',
            name='removed_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='collectionitem',
            name='removed_by_work_request',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='db.workrequest'),
        ),
        migrations.AddField(
            model_name='collectionitem',
            name='superseded_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='collectionitem',
            name='superseded_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='collectionitem',
            name='superseded_by_work_request',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='db.workrequest'),
        ),
        migrations.RunPython(find_environments, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='collectionitem',
            index=models.Index(condition=models.Q(('removed_at', None)), fields=['collection', 'name'], name='collection_item_prefix', opclasses=['int8_ops', 'varchar_pattern_ops']),
        ),
        migrations.AddIndex(
            model_name='collectionitem',
            index=models.Index(condition=models.Q(('removed_at', None)), fields=['collection', 'key', 'rank', 'id'], name='collection_item_newest', opclasses=['int8_ops', 'varchar_pattern_ops', 'bytea_ops', 'int8_ops']),
        ),
        migrations.AddIndex(
            model_name='collectionitem',
            index=models.Index(condition=models.Q(('removed_at', None)), fields=['collection', 'category', 'id'], name='collection_item_category'),
        ),
        migrations.AddIndex(
            model_name='collectionitem',
            index=models.Index(condition=models.Q(('removed_at', None), ('about__isnull', False)), fields=['collection', 'about'], name='collection_item_about'),
        ),
        migrations.AddIndex(
            model_name='collectionitem',
            index=models.Index(condition=models.Q(('superseded_by__isnull', False)), fields=['superseded_by'], name='item_superseded_by'),
        ),
        migrations.AddIndex(
            model_name='collectionitem',
            index=models.Index(condition=models.Q(('superseded_by_work_request__isnull', False)), fields=['superseded_by_work_request'], name='item_superseded_by_work_reques'),
        ),
        migrations.AddIndex(
            model_name='collectionitem',
            index=models.Index(condition=models.Q(('removed_by__isnull', False)), fields=['removed_by'], name='item_removed_by'),
        ),
        migrations.AddIndex(
            model_name='collectionitem',
            index=models.Index(condition=models.Q(('removed_by_work_request__isnull', False)), fields=['removed_by_work_request'], name='item_removed_by_work_request'),
        ),
        migrations.AddField(
            model_name='collectionrelation',
            name='created_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='collectionrelation',
            name='source',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='relations', to='db.collection'),
        ),
        migrations.AddField(
            model_name='collectionrelation',
            name='target',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='targeted_by', to='db.collection'),
        ),
        migrations.AddField(
            model_name='itemconstraint',
            name='collection',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='constraints', to='db.collection'),
        ),
        migrations.AddConstraint(
            model_name='collectionrelation',
            constraint=models.UniqueConstraint(fields=('source', 'type', 'target'), name='collection_relation_once'),
        ),
        migrations.AddConstraint(
            model_name='collectionrelation',
            constraint=models.UniqueConstraint(fields=('source', 'type', 'position'), name='collection_relation_position'),
        ),
        migrations.AddConstraint(
            model_name='itemconstraint',
            constraint=models.UniqueConstraint(fields=('collection', 'name', 'key', 'item_id'), name='item_constraint_once'),
        ),
    ]
