# SPDX-License-Identifier: GPL-3.0-or-later

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def rows(apps, schema_editor, name):
    """All rows of a table, of the database that is being migrated."""
    return apps.get_model('db', name).objects.using(schema_editor.connection.alias)


def mark_system_user(apps, schema_editor):
    """The server's own account is not one of a person."""
    users = rows(apps, schema_editor, 'User')
    users.filter(username='_system').update(is_system=True, email='')


def free_addresses(apps, schema_editor):
    """An address now belongs to one person: whoever had it first keeps it."""
    users = rows(apps, schema_editor, 'User')
    seen = set()
    for user in users.exclude(email='').order_by('pk').iterator():
        if user.email in seen:
            user.email = ''
            user.save(update_fields=['email'])
        seen.add(user.email)


def make_groups(apps, schema_editor):
    """Every scope has members and owners; those who led the server are both."""
    group = rows(apps, schema_editor, 'Group')
    membership = rows(apps, schema_editor, 'GroupMembership')
    users = rows(apps, schema_editor, 'User')
    leaders = list(users.filter(is_superuser=True, is_system=False))
    for scope in rows(apps, schema_editor, 'Scope'):
        members = group.create(scope=scope, name='Members', system=True)
        owners = group.create(scope=scope, name='Owners')
        rows(apps, schema_editor, 'ScopeRole').create(resource=scope, group=owners, role='owner')
        for user in leaders:
            membership.create(group=members, user=user)
            membership.create(group=owners, user=user)


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('db', '0003_pre_queue'),
    ]

    operations = [
        migrations.CreateModel(
            name='CollectionRole',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(max_length=16)),
            ],
        ),
        migrations.CreateModel(
            name='CollectionTokenGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(max_length=16)),
                ('created_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Group',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255)),
                ('ephemeral', models.BooleanField(default=False)),
                ('system', models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name='GroupAuditLog',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField()),
                ('changes', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='GroupMembership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('member', 'Member'), ('admin', 'Admin')], default='member', max_length=16)),
            ],
        ),
        migrations.CreateModel(
            name='ScopeRole',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(max_length=16)),
            ],
        ),
        migrations.CreateModel(
            name='WorkspaceChain',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('order', models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='WorkspaceRole',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(max_length=16)),
            ],
        ),
        migrations.AddField(
            model_name='scope',
            name='icon',
            field=models.CharField(blank=True, default='', max_length=255),
        ),
        migrations.AddField(
            model_name='scope',
            name='public',
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name='token',
            name='explicit_grants_only',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='token',
            name='external_username',
            field=models.CharField(blank=True, default='', max_length=150),
        ),
        migrations.AddField(
            model_name='user',
            name='is_system',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='workspace',
            name='description',
            field=models.TextField(blank=True, default=''),
        ),
        migrations.AddField(
            model_name='workspace',
            name='expiration_delay',
            field=models.DurationField(null=True),
        ),
        migrations.AddIndex(
            model_name='token',
            index=models.Index(condition=models.Q(('expire_at__isnull', False)), fields=['expire_at'], name='token_expiry'),
        ),
        migrations.AddConstraint(
            model_name='scope',
            constraint=models.UniqueConstraint(condition=models.Q(('label', ''), _negated=True), fields=('label',), name='scope_label'),
        ),
        migrations.AddConstraint(
            model_name='token',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('attempt__isnull', True), ('external_username', ''), ('token_type', 'user'), ('user__isnull', False)), models.Q(('attempt__isnull', True), ('token_type', 'external-user'), ('user__isnull', True), ('explicit_grants_only', True), models.Q(('external_username', ''), _negated=True)), models.Q(('attempt__isnull', False), ('explicit_grants_only', False), ('external_username', ''), ('token_type', 'work-request')), models.Q(('attempt__isnull', True), ('explicit_grants_only', False), ('external_username', ''), ('token_type__in', ['worker', 'worker-activation']), ('user__isnull', True)), _connector='OR'), name='token_of_its_type'),
        ),
        migrations.RunPython(mark_system_user, migrations.RunPython.noop),
        migrations.RunPython(free_addresses, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('is_system', False), ('email', ''), _connector='OR'), name='user_system_email'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.UniqueConstraint(condition=models.Q(('is_system', False), models.Q(('email', ''), _negated=True)), fields=('email',), name='user_email'),
        ),
        migrations.AddField(
            model_name='collectionrole',
            name='resource',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='roles', to='db.collection'),
        ),
        migrations.AddField(
            model_name='collectiontokengrant',
            name='collection',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='token_grants', to='db.collection'),
        ),
        migrations.AddField(
            model_name='collectiontokengrant',
            name='created_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='collectiontokengrant',
            name='token',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='db.token'),
        ),
        migrations.AddField(
            model_name='group',
            name='scope',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='groups', to='db.scope'),
        ),
        migrations.AddField(
            model_name='group',
            name='workspace',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='groups', to='db.workspace'),
        ),
        migrations.AddField(
            model_name='collectionrole',
            name='group',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='collection_roles', to='db.group'),
        ),
        migrations.AddField(
            model_name='groupauditlog',
            name='actor',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='groupauditlog',
            name='group',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='audit_log', to='db.group'),
        ),
        migrations.AddField(
            model_name='groupmembership',
            name='group',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='db.group'),
        ),
        migrations.AddField(
            model_name='groupmembership',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='scoperole',
            name='group',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='scope_roles', to='db.group'),
        ),
        migrations.AddField(
            model_name='scoperole',
            name='resource',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='roles', to='db.scope'),
        ),
        migrations.AddField(
            model_name='workspacechain',
            name='child',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='chain_parents', to='db.workspace'),
        ),
        migrations.AddField(
            model_name='workspacechain',
            name='parent',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='chain_children', to='db.workspace'),
        ),
        migrations.AddField(
            model_name='workspacerole',
            name='group',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='workspace_roles', to='db.group'),
        ),
        migrations.AddField(
            model_name='workspacerole',
            name='resource',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='roles', to='db.workspace'),
        ),
        migrations.AddConstraint(
            model_name='collectiontokengrant',
            constraint=models.UniqueConstraint(fields=('token', 'collection', 'role'), name='collection_token_grant'),
        ),
        migrations.AddIndex(
            model_name='group',
            index=models.Index(fields=['scope'], name='group_scope'),
        ),
        migrations.AddConstraint(
            model_name='group',
            constraint=models.UniqueConstraint(condition=models.Q(('workspace__isnull', True)), fields=('scope', 'name'), name='group_name_in_scope'),
        ),
        migrations.AddConstraint(
            model_name='group',
            constraint=models.UniqueConstraint(condition=models.Q(('workspace__isnull', False)), fields=('scope', 'workspace', 'name'), name='group_name_in_workspace'),
        ),
        migrations.AddConstraint(
            model_name='collectionrole',
            constraint=models.UniqueConstraint(fields=('resource', 'group', 'role'), name='collection_role'),
        ),
        migrations.AddConstraint(
            model_name='groupmembership',
            constraint=models.UniqueConstraint(fields=('group', 'user'), name='group_membership'),
        ),
        migrations.AddConstraint(
            model_name='scoperole',
            constraint=models.UniqueConstraint(fields=('resource', 'group', 'role'), name='scope_role'),
        ),
        migrations.AddConstraint(
            model_name='workspacechain',
            constraint=models.UniqueConstraint(fields=('child', 'parent'), name='workspace_chain_parent'),
        ),
        migrations.AddConstraint(
            model_name='workspacechain',
            constraint=models.UniqueConstraint(fields=('child', 'order'), name='workspace_chain_order'),
        ),
        migrations.AddConstraint(
            model_name='workspacerole',
            constraint=models.UniqueConstraint(fields=('resource', 'group', 'role'), name='workspace_role'),
        ),
        migrations.RunPython(make_groups, migrations.RunPython.noop),
    ]
