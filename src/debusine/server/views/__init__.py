# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows as records on the wire: one file per noun."""
