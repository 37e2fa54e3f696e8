# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows: columns and constraints only; what changes them lives in server.actions."""

from debusine.db.models.artifact import Artifact, ArtifactRelation
from debusine.db.models.attempt import Attempt
from debusine.db.models.collection import (
    Collection,
    CollectionItem,
    CollectionRelation,
    ItemConstraint,
    ItemType,
    Retains,
)
from debusine.db.models.enrolment import Enrolment
from debusine.db.models.event import Event, EventCounter, EventReader
from debusine.db.models.file import File, FileInArtifact, FileUpload
from debusine.db.models.group import Group, GroupAuditLog, GroupMembership, MemberRole
from debusine.db.models.hold import Hold, Terminal
from debusine.db.models.notification import Notification, NotificationChannel
from debusine.db.models.queue_basis import QueueBasis
from debusine.db.models.role import (
    CollectionRole,
    CollectionTokenGrant,
    ScopeRole,
    WorkspaceRole,
)
from debusine.db.models.run_record import RunRecord
from debusine.db.models.scope import Scope
from debusine.db.models.share import Share
from debusine.db.models.signature import Signature
from debusine.db.models.timer import Timer
from debusine.db.models.user import Token, TokenType, User
from debusine.db.models.webhook import Webhook, WebhookDelivery
from debusine.db.models.work_request import WorkRequest
from debusine.db.models.worker import Worker, WorkerType
from debusine.db.models.workspace import Workspace, WorkspaceChain

__all__ = [
    "Artifact",
    "ArtifactRelation",
    "Attempt",
    "Collection",
    "CollectionItem",
    "CollectionRelation",
    "CollectionRole",
    "CollectionTokenGrant",
    "Enrolment",
    "Event",
    "EventCounter",
    "EventReader",
    "File",
    "FileInArtifact",
    "FileUpload",
    "Group",
    "GroupAuditLog",
    "GroupMembership",
    "Hold",
    "ItemConstraint",
    "ItemType",
    "MemberRole",
    "Notification",
    "NotificationChannel",
    "QueueBasis",
    "Retains",
    "RunRecord",
    "Scope",
    "ScopeRole",
    "Share",
    "Signature",
    "Terminal",
    "Timer",
    "Token",
    "TokenType",
    "User",
    "Webhook",
    "WebhookDelivery",
    "WorkRequest",
    "Worker",
    "WorkerType",
    "Workspace",
    "WorkspaceChain",
    "WorkspaceRole",
]
