# SPDX-License-Identifier: GPL-3.0-or-later
"""Run records: what runs took, so that the next one of the same kind gets as much."""

from __future__ import annotations

from django.db import models
from typing_extensions import override


class RunRecord(models.Model):
    """
    What one successful run took, or one that was ended as it needed more memory than it had.

    Memory and disk are in MiB, times in seconds. A few of the newest are kept of each
    task, subject and context; subject and context are those of ``debusine.tasks``, empty
    where there is none.
    """

    task_type = models.CharField(max_length=16)
    task_name = models.CharField(max_length=100)
    subject = models.CharField(max_length=255, default="", blank=True)
    context = models.CharField(max_length=255, default="", blank=True)
    completed_at = models.DateTimeField()
    duration_s = models.FloatField(null=True)
    cpu_time_s = models.FloatField(null=True)
    memory_mib = models.PositiveIntegerField(null=True)
    disk_mib = models.PositiveIntegerField(null=True)
    # it did not succeed: memory_mib is what it had, and too little
    ran_out = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(
                fields=["task_type", "task_name", "subject", "context", "-completed_at"],
                name="run_record_newest",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.task_name} {self.subject} {self.context}"
