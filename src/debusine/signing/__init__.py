# SPDX-License-Identifier: GPL-3.0-or-later
"""The service that holds keys, and the worker that signs with them."""
