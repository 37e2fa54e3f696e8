# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task takes, as declarations."""
