# SPDX-License-Identifier: GPL-3.0-or-later
"""Django settings, URL table and ASGI root."""
