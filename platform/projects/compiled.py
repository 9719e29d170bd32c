"""Query sets whose SQL is built once in the life of a process, for what is asked all day."""

import copy
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import update_wrapper
from types import SimpleNamespace
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import QuerySet
from psycopg import ClientCursor

Rows = TypeVar("Rows")
Value = int | str | datetime | bool | None


class CompiledQuery(Generic[Rows]):
    """A function that builds a query set from values, as one that returns its rows for values.

    Building and compiling a query set with a few joins takes several times as long as running it. Here that is done
    once for each combination of what None, True and False the values hold; the other values are filled in.

    Raises
    ------
    ValueError
        On the first call, if a value does not reach the SQL as it was given: the rows would not depend on it.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Rows]]) -> None:
        self._build = build
        self._built: dict[tuple[object, ...], _Built] = {}
        update_wrapper(self, build)

    def __call__(self, *values: Value) -> list[Rows]:
        shape = tuple(value if value is None or isinstance(value, bool) else type(value) for value in values)
        built = self._built.get(shape)
        if built is None:
            # Two threads may both build it: the same comes out.
            built = self._built[shape] = _built(self._build, values)
        return built.rows(values)


class _Built(NamedTuple):
    queryset: Any
    compiler: Any
    sql: str
    order: Sequence[int]
    """Which of the values each parameter is."""

    def rows(self, values: Sequence[Value]) -> list[Any]:
        params = [values[index] for index in self.order]
        compiler = copy.copy(self.compiler)
        compiler.connection = connections[DEFAULT_DB_ALIAS]
        compiler.as_sql = lambda: (self.sql, params)
        # What Django's own iterables read of a query set: they make the rows, related objects and annotations included.
        source: Any = SimpleNamespace(
            db=DEFAULT_DB_ALIAS,
            model=self.queryset.model,
            query=_Query(self.queryset.query, compiler),
            _fields=self.queryset._fields,
            _known_related_objects={},
        )
        rows: list[Any] = list(self.queryset._iterable_class(source))
        return rows


class _Query:
    """A query that is compiled already."""

    def __init__(self, query: Any, compiler: Any) -> None:
        self._query = query
        self._compiler = compiler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._query, name)

    def get_compiler(self, using: str) -> Any:
        return self._compiler


def _built(build: Callable[..., QuerySet[Any, Any]], values: Sequence[Value]) -> _Built:
    stand_ins = [_stand_in(value, index) for index, value in enumerate(values)]
    queryset = build(*stand_ins)
    compiler = queryset.query.get_compiler(using=DEFAULT_DB_ALIAS)
    sql, params = compiler.as_sql()
    first, *rest = sql.split("%s")
    parts: list[str] = [first]
    order: list[int] = []
    for param, text in zip(params, rest, strict=True):
        index = _index_of(param, stand_ins, values)
        if index is not None:
            order.append(index)
        parts += [_literal(param) if index is None else "%s", text]
    lost = {index for index, stand_in in enumerate(stand_ins) if stand_in is not values[index]}.difference(order)
    if lost:
        name = getattr(build, "__name__", "a query")
        raise ValueError(f"{name}: the value at {min(lost)} is not a parameter of the SQL: {sql}")
    return _Built(queryset, compiler, "".join(parts), order)


def _index_of(param: Any, stand_ins: Sequence[Value], values: Sequence[Value]) -> int | None:
    """Which of the values a parameter stands in for; None for a constant of the query."""
    for index, stand_in in enumerate(stand_ins):
        # A small integer comes back as psycopg's own kind of int.
        if stand_in is not values[index] and isinstance(param, type(stand_in)) and param == stand_in:
            return index
    return None


def _literal(param: Any) -> str:
    """A constant as it stands in SQL: a plan that is kept can use a partial index only where it reads the constant."""
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    return ClientCursor(connection.connection).mogrify("%s", [param]).replace("%", "%%")


def _stand_in(value: Value, index: int) -> Value:
    """A value of the same type that no query holds by itself; within the range of every column."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return 32_100 + index
    if isinstance(value, datetime):
        return datetime(9999, 12, 31, 23, 59, index, 424_242, tzinfo=UTC)
    return f"stand-in {index}"
