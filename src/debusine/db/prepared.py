# SPDX-License-Identifier: GPL-3.0-or-later
"""
Queries of the ORM that are made into SQL once, not at every request.

Making SQL of a query with joins takes Django ten times as long as a small database
takes to answer it. What every request asks is therefore prepared::

    _BY_KEY = Prepared(lambda: Token.objects.filter(hash=Param("hash", CharField())))
    token = _BY_KEY.first(hash=hash_key(key))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models import Expression, Field, QuerySet
from django.db.models.query import get_related_populators
from typing_extensions import override

Row = TypeVar("Row", bound=models.Model)
Values = TypeVar("Values")
AnyField: TypeAlias = "Field[Any, Any]"
# internal to Django; its parameters differ between the version in use and its stubs
_populators: Any = get_related_populators


class Param(Expression):
    """
    Stands in a condition for a value that is known only when the query is asked.

    :param name: under which the value is given then
    :param field: what kind of value it is
    """

    def __init__(self, name: str, field: AnyField) -> None:
        super().__init__(output_field=field)
        self.name = name

    @override
    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", [self]

    @override
    def get_group_by_cols(self) -> list[Any]:
        # one value for all rows
        return []

    def adapt(self, value: object, connection: Any) -> object:
        """Turn a value into what the database's driver wants."""
        return self.output_field.get_db_prep_value(value, connection, prepared=False)


def adapted(
    parameters: Sequence[object], connection: Any, values: dict[str, object]
) -> list[object]:
    """Put values in the place of each :class:`Param`."""
    return [
        one.adapt(values[one.name], connection) if isinstance(one, Param) else one
        for one in parameters
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Statement:
    """
    What is the same each time.

    :param parameters: values, and a :class:`Param` for each that is not known yet
    :param converters: by position of the column: what to do to its value
    :param names: of the fields of the main row, which stand first; none for values
    :param related: they fill what ``select_related`` asked for
    """

    model: type[Any]
    sql: str
    parameters: Sequence[object]
    converters: Sequence[tuple[int, Sequence[Callable[..., Any]], Any]]
    names: Sequence[str]
    related: Sequence[Any]


class _Prepared:
    """A query, and the statement that it amounts to, for each kind of database."""

    def __init__(self, make: Callable[[], QuerySet[Any, Any]]) -> None:
        self._make = make
        self._statements: dict[str, _Statement] = {}

    def _statement(self, vendor: str) -> _Statement:
        known = self._statements.get(vendor)
        if known is None:
            known = self._statements[vendor] = _compile(self._make())
        return known

    def _fetch(
        self, statement: _Statement, connection: Any, values: dict[str, object]
    ) -> Iterator[list[Any]]:
        """Ask, and turn what the driver gives into what fields hold."""
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, adapted(statement.parameters, connection, values))
            rows = cursor.fetchall()
        for row in map(list, rows):
            for position, converters, column in statement.converters:
                for convert in converters:
                    row[position] = convert(row[position], column, connection)
            yield row


class Prepared(_Prepared, Generic[Row]):
    """
    A query of whole rows, with what ``select_related`` adds.

    :param make: makes the query; it may use :class:`Param` wherever an expression may
        stand, but not annotate, prefetch or defer anything
    """

    def __init__(self, make: Callable[[], QuerySet[Row, Row]]) -> None:
        super().__init__(make)

    def first(self, **values: object) -> Row | None:
        """
        Ask for one row.

        :param values: of all parameters, by name
        :returns: None if there is none; the query says which one, if several fit
        """
        found = self.all(**values)
        return found[0] if found else None

    def all(self, **values: object) -> list[Row]:
        """
        Ask for all rows.

        :param values: of all parameters, by name
        """
        connection = connections[DEFAULT_DB_ALIAS]
        statement = self._statement(connection.vendor)
        width = len(statement.names)
        rows: list[Row] = []
        for fields in self._fetch(statement, connection, values):
            row = statement.model.from_db(DEFAULT_DB_ALIAS, statement.names, fields[:width])
            for populator in statement.related:
                populator.populate(fields, row)
            rows.append(row)
        return rows


class PreparedValues(_Prepared, Generic[Values]):
    """
    A query of some columns.

    :param make: makes the query, with ``values_list`` that is not flat
    """

    def __init__(self, make: Callable[[], QuerySet[Any, Values]]) -> None:
        super().__init__(make)

    def all(self, **values: object) -> list[Values]:
        """
        Ask for all rows.

        :param values: of all parameters, by name
        """
        connection = connections[DEFAULT_DB_ALIAS]
        statement = self._statement(connection.vendor)
        rows: list[Any] = [tuple(row) for row in self._fetch(statement, connection, values)]
        return rows


def _compile(query: QuerySet[Any, Any]) -> _Statement:
    """Have Django make the statement, and keep what it needs to read the answer."""
    compiler = query.query.get_compiler(DEFAULT_DB_ALIAS)
    sql, parameters = compiler.as_sql()
    columns: list[Any] = [column for column, _, _ in compiler.select or ()]
    rows = compiler.klass_info
    names = [columns[index].target.attname for index in rows["select_fields"]] if rows else []
    return _Statement(
        model=query.model,
        sql=sql,
        parameters=list(parameters),
        converters=[
            (position, converters, column)
            for position, (converters, column) in compiler.get_converters(columns).items()
        ],
        names=names,
        related=_populators(rows, compiler.select, DEFAULT_DB_ALIAS) if rows else (),
    )
