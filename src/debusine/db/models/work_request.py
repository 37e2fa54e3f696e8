# SPDX-License-Identifier: GPL-3.0-or-later
"""Work requests and the edges between them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from typing_extensions import override

from debusine.db.models.signature import Signature
from debusine.db.models.user import User
from debusine.db.models.worker import Worker
from debusine.db.models.workspace import Workspace
from debusine.domain.work_request import WorkRequestStatus


class WorkRequest(models.Model):
    """Something that somebody wants done."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="work_requests")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.PROTECT, related_name="work_requests")
    pending_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    completed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    aborted_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    status = models.CharField(max_length=16, default=WorkRequestStatus.BLOCKED.value)
    result = models.CharField(max_length=32, default="", blank=True)
    blame = models.CharField(max_length=16, default="", blank=True)
    worker = models.ForeignKey(Worker, models.SET_NULL, null=True, related_name="work_requests")
    task_type = models.CharField(max_length=16)
    task_name = models.CharField(max_length=100)
    task_data = models.JSONField(default=dict)
    configured_task_data = models.JSONField(null=True)
    dynamic_task_data = models.JSONField(null=True)
    priority_base = models.IntegerField(default=0)
    priority_adjustment = models.IntegerField(default=0)
    output_data = models.JSONField(null=True)
    workflow_data = models.JSONField(default=dict)
    event_reactions = models.JSONField(default=dict)
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    workflow_root = models.ForeignKey("self", models.CASCADE, null=True, related_name="+")
    dependencies: models.ManyToManyField[WorkRequest, models.Model] = models.ManyToManyField(
        "self", symmetrical=False, related_name="reverse_dependencies"
    )
    supersedes = models.OneToOneField("self", models.SET_NULL, null=True, related_name="superseded")
    expiration_delay = models.DurationField(null=True)
    scheduler_tags_provided = models.JSONField(default=list)
    scheduler_tags_required = models.JSONField(default=list)
    # who says what: provided, required (by provenance), dropped
    tag_sources = models.JSONField(default=dict)
    signature = models.ForeignKey(
        Signature, models.SET_NULL, null=True, related_name="work_requests"
    )
    # smaller is sooner; stamped when the request becomes pending
    order = models.BigIntegerField(default=0)
    # how many dependencies have not ended, 0 once one has failed; blocked until then
    unmet_dependencies = models.PositiveIntegerField(default=0)
    # pending and without a signature until then
    delayed_until = models.DateTimeField(null=True)
    # whether an earlier result of the same action will do, and whose did
    reuse = models.BooleanField(default=False)
    reused_from = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    # attempts that another one followed; bounded for each class of domain.retry
    retry_count = models.PositiveIntegerField(default=0)
    # attempts that workers gave back because they were stopped; not bounded
    handed_back = models.PositiveIntegerField(default=0)

    class Meta:
        permissions = [
            ("manage_workrequest_priorities", "Can set positive priorities of work requests")
        ]
        indexes = [
            models.Index(
                fields=["signature", "order", "id"],
                name="work_request_queue",
                condition=Q(status="pending"),
            ),
            models.Index(
                fields=["delayed_until"],
                name="work_request_delayed",
                condition=Q(status="pending", delayed_until__isnull=False),
            ),
            # its dependencies have ended, and nobody looked at what that means
            models.Index(
                fields=["id"],
                name="work_request_settled",
                condition=Q(status="blocked", unmet_dependencies=0),
            ),
            models.Index(fields=["workspace", "completed_at"], name="work_request_completed"),
            models.Index(fields=["workspace", "-id"], name="work_request_newest"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.id} {self.task_type}/{self.task_name}"
