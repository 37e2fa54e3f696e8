# SPDX-License-Identifier: GPL-3.0-or-later
"""One file per task that runs on the server; the file has the name of the task."""
