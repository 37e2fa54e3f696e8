# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the server."""
