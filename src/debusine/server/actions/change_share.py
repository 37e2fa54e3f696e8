# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what a user or a workspace is entitled to."""

from __future__ import annotations

from datetime import datetime

from debusine.db.models import Share, User, Workspace
from debusine.errors import NotFoundError
from debusine.server.access import require_administrator
from debusine.server.action import action
from debusine.server.actor import Actor
from debusine.wire.share import ShareKind, ShareUpdate

TITLE = "Cannot change share"


@action
def change_share(actor: Actor, *, wanted: ShareUpdate, now: datetime) -> Share:
    """
    Set the weight of somebody's share; requests that wait already keep their place.

    :returns: the share, with user, workspace and scope loaded
    :raises PermissionDeniedError: unless an administrator asks
    :raises NotFoundError: if there is no such user or workspace
    """
    require_administrator(actor, "change shares")
    owner = _owner(wanted)
    share, _ = Share.objects.update_or_create(
        **owner,
        defaults={"weight": wanted.weight},
        create_defaults={"weight": wanted.weight, "updated_s": now.timestamp()},
    )
    return Share.objects.select_related("user", "workspace__scope").get(pk=share.pk)


def _owner(wanted: ShareUpdate) -> dict[str, User | Workspace]:
    """
    Find whose share it is.

    :raises NotFoundError: if there is none of this name
    """
    found: User | Workspace | None
    if wanted.kind is ShareKind.USER:
        found = User.objects.filter(username=wanted.name).first()
    else:
        scope, _, name = wanted.name.partition("/")
        found = Workspace.objects.filter(scope__name=scope, name=name).first()
    if found is None:
        raise NotFoundError(TITLE, details=f"There is no {wanted.kind} {wanted.name!r}.")
    return {wanted.kind.value: found}
