# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this machine can build: what it is like, and what that means."""
