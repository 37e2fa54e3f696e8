# SPDX-License-Identifier: GPL-3.0-or-later
"""What a workspace inherits from, as far as somebody may see it."""

from __future__ import annotations

from django.db.models import BigIntegerField
from django.db.models.expressions import RawSQL

from debusine.db.models import Workspace, WorkspaceChain
from debusine.db.queries import named_query
from debusine.domain.inheritance import search_order
from debusine.server.access import is_visible_workspace
from debusine.server.actor import Actor


def visible_chain(actor: Actor, workspace: Workspace) -> list[Workspace]:
    """
    List the workspaces in which a name is looked for, in the order in which it is; one query.

    A workspace that the actor may not see is left out together with what is reachable
    through it only.

    :param workspace: where the search starts, with its scope loaded
    :returns: ``workspace`` first, then what it inherits from, depth first, with scopes loaded;
        none stands twice. Empty if the actor may not see ``workspace``
    """
    if not is_visible_workspace(actor, workspace):
        return []
    reached = RawSQL(  # noqa: S611  a file of ours, with a parameter
        named_query("workspace_lineage_v1"), (workspace.pk,), output_field=BigIntegerField()
    )
    edges = (
        WorkspaceChain.objects.filter(child__in=reached)
        .select_related("parent__scope")
        .order_by("child", "order")
    )
    known = {workspace.pk: workspace}
    parents: dict[int, list[int]] = {}
    for edge in edges:
        known.setdefault(edge.parent_id, edge.parent)
        parents.setdefault(edge.child_id, []).append(edge.parent_id)
    order = search_order(
        workspace.pk, parents, is_visible=lambda pk: is_visible_workspace(actor, known[pk])
    )
    return [known[pk] for pk in order]
