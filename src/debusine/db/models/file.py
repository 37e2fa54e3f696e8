# SPDX-License-Identifier: GPL-3.0-or-later
"""Files, known by their content, and uploads under way."""

from __future__ import annotations

from django.db import models
from typing_extensions import override

from debusine.db.models.artifact import Artifact


class File(models.Model):
    """Content with a hash and a size; stored once per store."""

    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    created_at = models.DateTimeField()
    # true once the store holds the bytes and they were verified
    stored = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sha256", "size"], name="file_content"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.sha256[:12]} ({self.size} bytes)"


class FileInArtifact(models.Model):
    """A file under a path of an artifact; visible only when complete."""

    artifact = models.ForeignKey(Artifact, models.CASCADE, related_name="files")
    path = models.CharField(max_length=500)
    file = models.ForeignKey(File, models.PROTECT, related_name="in_artifacts")
    complete = models.BooleanField(default=False)
    content_type = models.CharField(max_length=255, null=True)  # noqa: DJ001  null: not given

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["artifact", "path"], name="file_path"),
        ]
        # few are incomplete at any time: those are found without a look at the others
        indexes = [
            models.Index(
                fields=["artifact"], name="file_incomplete", condition=models.Q(complete=False)
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.path


class FileUpload(models.Model):
    """Bytes of a file that is not complete yet."""

    file_in_artifact = models.OneToOneField(FileInArtifact, models.CASCADE, related_name="upload")
    temporary_name = models.CharField(max_length=100, unique=True)
    last_activity_at = models.DateTimeField()
    # the hash was right; what is left is to move the bytes and show the file
    verified = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["last_activity_at"], name="upload_idle")]

    @override
    def __str__(self) -> str:
        return self.temporary_name
