# SPDX-License-Identifier: GPL-3.0-or-later
"""Server, jobs and one worker in one process tree."""
