# SPDX-License-Identifier: GPL-3.0-or-later
"""Python library to talk to the server."""
