# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every test stands in pyproject.toml and debusine.testing.data_directory."""
