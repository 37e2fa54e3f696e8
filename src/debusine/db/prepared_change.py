# SPDX-License-Identifier: GPL-3.0-or-later
"""
Changes of rows that are made into SQL once, as :mod:`debusine.db.prepared` does with queries.

::

    _INSERT = PreparedInsert(Event)
    _END = PreparedUpdate(
        lambda: Attempt.objects.filter(pk=Param("pk", BigIntegerField()), ended_at=None),
        ended_at=Param("now", DateTimeField()),
    )
    _INSERT.save(Event(...))
    was_running = _END.run(pk=attempt.pk, now=now)

Signals are not sent, and nothing is done with rows that refer to those that are deleted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models import QuerySet
from django.db.models.sql import DeleteQuery, UpdateQuery
from typing_extensions import override

from debusine.db.prepared import adapted

Row = TypeVar("Row", bound=models.Model)


class PreparedInsert(Generic[Row]):
    """
    Stores new rows of a model, whose database gives them their ids.

    :param model: its defaults are Python's
    """

    def __init__(self, model: type[Row]) -> None:
        self._model = model
        self._sql = ""
        self._fields: list[Any] = []

    def save(self, row: Row) -> Row:
        """
        Store a row; afterwards it has its id.

        :returns: the same
        """
        connection: Any = connections[DEFAULT_DB_ALIAS]
        if not self._sql:
            self._compile(connection)
        values = [
            field.get_db_prep_save(field.pre_save(row, True), connection)  # noqa: FBT003  Django's
            for field in self._fields
        ]
        with connection.cursor() as cursor:
            cursor.execute(self._sql, values)
            row.pk = cursor.fetchone()[0]
        row._state.adding = False  # noqa: SLF001  documented for who writes from_db()
        row._state.db = DEFAULT_DB_ALIAS  # noqa: SLF001  the same
        return row

    def _compile(self, connection: Any) -> None:
        quoted = connection.ops.quote_name
        meta = self._model._meta  # noqa: SLF001  public, in spite of its name
        self._fields = [field for field in meta.local_concrete_fields if not field.primary_key]
        assert meta.pk is not None
        columns = ", ".join(quoted(field.column) for field in self._fields)
        marks = ", ".join(["%s"] * len(self._fields))
        table, key = quoted(meta.db_table), quoted(meta.pk.column)
        self._sql = f"INSERT INTO {table} ({columns}) VALUES ({marks}) RETURNING {key}"  # noqa: S608  names of ours


class _PreparedChange(ABC):
    """A statement that changes rows, for each kind of database."""

    def __init__(self) -> None:
        self._statements: dict[str, tuple[str, Sequence[object]]] = {}

    @abstractmethod
    def _compile(self) -> tuple[str, Sequence[object]]: ...

    def run(self, **values: object) -> int:
        """
        Change the rows.

        :param values: of all parameters, by name
        :returns: how many there were
        """
        connection: Any = connections[DEFAULT_DB_ALIAS]
        known = self._statements.get(connection.vendor)
        if known is None:
            known = self._statements[connection.vendor] = self._compile()
        sql, parameters = known
        with connection.cursor() as cursor:
            cursor.execute(sql, adapted(parameters, connection, values))
            count: int = cursor.rowcount
            return count


class PreparedUpdate(_PreparedChange):
    """
    Gives columns of some rows new values.

    :param make: makes the query of the rows; it may use :class:`~debusine.db.prepared.Param`
    :param columns: new values, by name of the field; expressions such as ``Param``, or plain ones
    """

    def __init__(self, make: Callable[[], QuerySet[Any, Any]], **columns: object) -> None:
        super().__init__()
        self._make = make
        self._columns = columns

    @override
    def _compile(self) -> tuple[str, Sequence[object]]:
        query: Any = self._make().query.chain(UpdateQuery)
        query.add_update_values(self._columns)
        sql, parameters = query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
        return sql, list(parameters)


class PreparedDelete(_PreparedChange):
    """
    Deletes some rows, to which no others refer.

    :param make: makes the query of the rows; it may use :class:`~debusine.db.prepared.Param`
    """

    def __init__(self, make: Callable[[], QuerySet[Any, Any]]) -> None:
        super().__init__()
        self._make = make

    @override
    def _compile(self) -> tuple[str, Sequence[object]]:
        query: Any = self._make().query.chain(DeleteQuery)
        sql, parameters = query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
        return sql, list(parameters)
