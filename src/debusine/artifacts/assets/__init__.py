# SPDX-License-Identifier: GPL-3.0-or-later
"""One file per category of assets: what a workspace has, beyond artifacts."""
