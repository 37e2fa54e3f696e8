# SPDX-License-Identifier: GPL-3.0-or-later
"""Sandboxes: one file per technology, one interface."""
