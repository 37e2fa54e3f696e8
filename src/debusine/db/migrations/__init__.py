# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations, in pairs: pre (old and new code both run) and post (clean up)."""
