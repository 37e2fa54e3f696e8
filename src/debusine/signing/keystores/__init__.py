# SPDX-License-Identifier: GPL-3.0-or-later
"""One file per way of keeping keys; the port is :mod:`debusine.tasks.signing.key_store`."""
