# SPDX-License-Identifier: GPL-3.0-or-later
"""What client and server say; one noun per file."""
