# SPDX-License-Identifier: GPL-3.0-or-later
"""One file per category of items that are data without files."""
