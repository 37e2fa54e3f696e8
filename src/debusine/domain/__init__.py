# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules without I/O: pure functions and frozen records."""
