# SPDX-License-Identifier: GPL-3.0-or-later
"""A software factory for Debian-based distributions."""

__version__ = "0.1.0"
