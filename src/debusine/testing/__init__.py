# SPDX-License-Identifier: GPL-3.0-or-later
"""Fakes for every port, documented for other authors too."""
