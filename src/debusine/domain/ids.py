# SPDX-License-Identifier: GPL-3.0-or-later
"""Identifiers, one type per noun, so that the checker keeps them apart."""

from __future__ import annotations

from typing import NewType

ArtifactId = NewType("ArtifactId", int)
AttemptId = NewType("AttemptId", int)
CollectionId = NewType("CollectionId", int)
WorkerId = NewType("WorkerId", int)
WorkRequestId = NewType("WorkRequestId", int)
