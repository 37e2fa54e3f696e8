# SPDX-License-Identifier: GPL-3.0-or-later
"""One file per task; the file's name is the task's."""
