# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``debusine build`` does: find the source, build it, check it, bring it home."""
