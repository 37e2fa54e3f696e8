# SPDX-License-Identifier: GPL-3.0-or-later
"""Tools without opinion; no domain words here."""
