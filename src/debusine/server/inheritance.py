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
    edges = (
        WorkspaceChain.objects.filter(child__in=_reached("workspace_lineage_v1", workspace))
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


def visible_parents(actor: Actor, workspace: Workspace) -> list[Workspace]:
    """List what a workspace inherits from itself, as far as the actor may see it; one query."""
    edges = WorkspaceChain.objects.filter(child=workspace).select_related("parent__scope")
    parents = [edge.parent for edge in edges.order_by("order")]
    return [parent for parent in parents if is_visible_workspace(actor, parent)]


def heirs_among(workspace: Workspace, candidates: list[Workspace]) -> set[int]:
    """Ids of those that inherit from a workspace, at whatever distance; one query."""
    found = Workspace.objects.filter(
        pk__in=[one.pk for one in candidates],
    ).filter(pk__in=_reached("workspace_heirs_v1", workspace))
    return set(found.values_list("pk", flat=True))


def lineage_ids(workspace: Workspace) -> RawSQL:
    """Subquery of ids: of a workspace and all that it inherits from, whoever may see them."""
    return _reached("workspace_lineage_v1", workspace)


def _reached(query: str, workspace: Workspace) -> RawSQL:
    return RawSQL(  # noqa: S611  a file of ours, with a parameter
        named_query(query), (workspace.pk,), output_field=BigIntegerField()
    )
