# SPDX-License-Identifier: GPL-3.0-or-later
"""One file per task that needs keys; they run where the keys are."""
