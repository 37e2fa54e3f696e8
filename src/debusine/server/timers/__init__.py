# SPDX-License-Identifier: GPL-3.0-or-later
"""
One file per kind of timer; the file has the name of the kind.

Each has a function ``ring(timer, *, now)`` that does what is due. It runs in the transaction
in which the timer goes, so that it happens once: it has to be short, and it may send
jobs on commit. It returns when the timer is due again, or None.
"""
