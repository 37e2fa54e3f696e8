# SPDX-License-Identifier: GPL-3.0-or-later
"""Care for a server, on the machine that it runs on."""
