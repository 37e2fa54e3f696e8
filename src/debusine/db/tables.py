# SPDX-License-Identifier: GPL-3.0-or-later
"""All tables of an instance, as rows without meaning, in any of its databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from django.apps import apps
from django.db import connections
from django.db.models import Manager, Model

_CHUNK = 2000
_LAST_NUMBER = {
    "sqlite": "SELECT seq FROM sqlite_sequence WHERE name = %s",
    "postgresql": "SELECT pg_sequence_last_value(pg_get_serial_sequence(%s, 'id')::regclass)",
}

Row: TypeAlias = tuple[Any, ...]


class Table:
    """
    One table; ``alias`` says in which database.

    :ivar name: in SQL
    :ivar columns: in the order of the values of rows
    """

    def __init__(self, model: type[Model]) -> None:
        options = model._meta  # noqa: SLF001  that of which there is documentation
        self.name = options.db_table
        self.columns = tuple(field.attname for field in options.concrete_fields)
        self._is_numbered = options.auto_field is not None
        self._model = model
        self._manager: Manager[Model] = model._base_manager  # noqa: SLF001  the same

    def count(self, alias: str) -> int:
        """How many rows there are."""
        return self._manager.using(alias).count()

    def rows(self, alias: str) -> Iterator[Row]:
        """Read all, in order of their keys; a part at a time is in memory."""
        rows = self._manager.using(alias).order_by("pk").values_list(*self.columns)
        if self._is_numbered:
            return rows.iterator(_CHUNK)
        # databases compare text by the rules of different languages; such tables are small
        return iter(sorted(rows, key=repr))

    def insert(self, rows: Sequence[Row], alias: str) -> None:
        """Write rows with the keys that they have."""
        made = [self._model(**dict(zip(self.columns, row, strict=True))) for row in rows]
        self._manager.using(alias).bulk_create(made)

    def clear(self, alias: str) -> None:
        """Remove all rows, whatever points to them."""
        connection = connections[alias]
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(self.name)}")  # noqa: S608  ours

    def last_number(self, alias: str) -> int:
        """Highest number that was given to a row, be it gone or not; 0 for none."""
        if not self._is_numbered:
            return 0
        connection = connections[alias]
        with connection.cursor() as cursor:
            cursor.execute(_LAST_NUMBER[connection.vendor], [self.name])
            found = cursor.fetchone()
        return 0 if found is None or found[0] is None else int(found[0])

    def count_on_from(self, number: int, alias: str) -> None:
        """Give new rows numbers above one; nothing is done for 0."""
        if number == 0:
            return
        connection = connections[alias]
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [self.name])
                cursor.execute("INSERT INTO sqlite_sequence VALUES (%s, %s)", [self.name, number])
            else:
                cursor.execute(
                    "SELECT setval(pg_get_serial_sequence(%s, 'id')::regclass, %s)",
                    [self.name, number],
                )


def all_tables() -> list[Table]:
    """Those of all applications, by name."""
    models = apps.get_models(include_auto_created=True)
    return sorted(map(Table, models), key=lambda table: table.name)
