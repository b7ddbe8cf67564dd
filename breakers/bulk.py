"""The two dialects: the writers' lock, and the few bulk statements, for SQLite and PostgreSQL side by side.

Statements go to the driver itself: Django's cursor would rewrite each of them at each call.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain
from typing import Any

import msgspec
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from breakers.errors import StoreUnavailable

# Any number that no one else on this database uses; one lock for every writer of change numbers.
WRITERS_LOCK = 0x62_6F_61_72_64
Row = Sequence[Any]
# Rows in one statement of SQLite, greatest first.
SIZES = (64, 32, 16, 8, 4, 2, 1)


@cache
def is_postgresql() -> bool:
    """Whether the store is PostgreSQL; else it is SQLite. A process never changes its store."""
    return connection.vendor == "postgresql"


@contextmanager
def writing() -> Iterator[None]:
    """A transaction that holds the writers' lock to its commit, so that change numbers become visible in order.

    SQLite begins IMMEDIATE, which is the lock. Errors: StoreUnavailable where the database can't be written.
    """
    try:
        with transaction.atomic():
            if is_postgresql():
                _execute("SELECT pg_advisory_xact_lock(%s)", [WRITERS_LOCK])
            yield
    except (OperationalError, InterfaceError) as error:
        connection.close_if_unusable_or_obsolete()
        raise StoreUnavailable(f"the database can't be written: {str(error).strip().splitlines()[0]}") from error
    except DatabaseError as error:
        if connection.is_usable():
            raise
        connection.close()
        raise StoreUnavailable("the connection to the database was lost") from error


def next_version() -> int:
    """The next change number of the board. Only inside `writing()`."""
    return int(select("UPDATE breakers_board SET version = version + 1 RETURNING version")[0][0])


def select(sql: str, params: Sequence[Any] = ()) -> list[Any]:
    """All rows of a statement with `%s` placeholders, on both databases."""
    rows: list[Any] = _execute(sql if is_postgresql() else _question_marks(sql), params).fetchall()
    return rows


def run(sql: str, params: Sequence[Any] = ()) -> int:
    """Run one statement; how many rows it touched."""
    return int(_execute(sql if is_postgresql() else _question_marks(sql), params).rowcount)


def is_one_of(column: str) -> str:
    """The condition `column is one of a list`, for one parameter made by `as_list()`."""
    return f"{column} = ANY(%s)" if is_postgresql() else f"{column} IN (SELECT value FROM json_each(%s))"


def as_list(values: Sequence[int] | Sequence[str]) -> Any:
    """The one parameter of `is_one_of()`."""
    if is_postgresql():
        return list(values)
    # One parameter keeps the statement's text, and so its place in the driver's cache, whatever the length.
    return "[" + ",".join(map(str, values)) + "]" if values and isinstance(values[0], int) else _json(values)


def known_keys(service_id: int, keys: Sequence[bytes]) -> set[bytes]:
    """Which of these event keys the service has posted before."""
    found: set[bytes] = set()
    if is_postgresql():
        rows = select(
            "SELECT key FROM breakers_event WHERE service_id = %s AND key = ANY(%s::bytea[])", [service_id, list(keys)]
        )
        return {bytes(row[0]) for row in rows}
    for start in range(0, len(keys), 500):
        some = keys[start : start + 500]
        # Padded to a power of two: few statement texts, each prepared once.
        size = 1 << (len(some) - 1).bit_length()
        padded = [*some, *([some[0]] * (size - len(some)))]
        marks = ",".join("?" * size)
        sql = f"SELECT key FROM breakers_event WHERE service_id = ? AND key IN ({marks})"
        found.update(row[0] for row in _execute(sql, [service_id, *padded]).fetchall())
    return found


class Statement:
    """A bulk statement over rows whose columns have PostgreSQL types.

    PostgreSQL gets an array a column. SQLite gets chunks of 1, 2, 4 … 64 rows, so that few texts are prepared once each, and
    so that the interpreter's lock is given away once a chunk and not once a row: others run meanwhile.
    """

    def __init__(self, columns: Mapping[str, str], sqlite: str, postgresql: str) -> None:
        one = f"({', '.join('?' * len(columns))})"
        self._sqlite = {size: sqlite.replace("{rows}", ", ".join([one] * size)) for size in SIZES}
        self._postgresql = postgresql.replace("{rows}", _unnest(columns))

    def __call__(self, rows: Sequence[Row]) -> None:
        """Run it; nothing for no rows."""
        if not rows:
            return
        if is_postgresql():
            _execute(self._postgresql, [list(column) for column in zip(*rows, strict=True)])
            return
        with connection.wrap_database_errors:
            cursor = _raw()
            start = 0
            for size in SIZES:
                while len(rows) - start >= size:
                    cursor.execute(self._sqlite[size], list(chain.from_iterable(rows[start : start + size])))
                    start += size


def insert(table: str, columns: Mapping[str, str]) -> Statement:
    """Insert rows."""
    head = f"INSERT INTO {table} ({', '.join(columns)})"
    return Statement(columns, f"{head} VALUES {{rows}}", f"{head} SELECT * FROM {{rows}}")


def update(table: str, columns: Mapping[str, str]) -> Statement:
    """Update rows by `id`, the last column; the others are set."""
    *names, key = columns
    sets = ", ".join(f"{name} = v.{name}" for name in names)
    return Statement(
        columns,
        f"WITH v({', '.join(columns)}) AS (VALUES {{rows}}) UPDATE {table} AS t SET {sets} FROM v WHERE t.{key} = v.{key}",
        f"UPDATE {table} AS t SET {sets} FROM {{rows}} WHERE t.{key} = v.{key}",
    )


def put(table: str, keys: Mapping[str, str], columns: Mapping[str, str]) -> Statement:
    """Insert rows, or set the columns of those that are there."""
    every = {**keys, **columns}
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns)
    head = f"INSERT INTO {table} ({', '.join(every)})"
    conflict = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}"
    return Statement(every, f"{head} VALUES {{rows}} {conflict}", f"{head} SELECT * FROM {{rows}} {conflict}")


def add_up(table: str, keys: Mapping[str, str], counters: Mapping[str, str], largest: Sequence[str] = ()) -> Statement:
    """Insert rows, or add their counters to those that are there; `largest` columns keep the greater one."""
    columns = {**keys, **counters}

    def merged(greatest: str) -> str:
        return ", ".join(
            f"{name} = {greatest}({table}.{name}, excluded.{name})"
            if name in largest
            else f"{name} = {table}.{name} + excluded.{name}"
            for name in counters
        )

    head = f"INSERT INTO {table} ({', '.join(columns)})"
    conflict = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET"
    return Statement(
        columns,
        f"{head} VALUES {{rows}} {conflict} {merged('max')}",
        f"{head} SELECT * FROM {{rows}} {conflict} {merged('greatest')}",
    )


def _unnest(columns: Mapping[str, str]) -> str:
    casts = ", ".join(f"%s::{kind}[]" for kind in columns.values())
    return f"unnest({casts}) AS v({', '.join(columns)})"


def _execute(sql: str, params: Sequence[Any]) -> Any:
    with connection.wrap_database_errors:
        cursor = _raw()
        cursor.execute(sql, params)
        return cursor


def _raw() -> Any:
    connection.ensure_connection()
    return connection.connection.cursor()


def _question_marks(sql: str) -> str:
    known = _QUESTION_MARKS.get(sql)
    if known is None:
        known = _QUESTION_MARKS[sql] = sql.replace("%s", "?").replace("%%", "%")
    return known


_QUESTION_MARKS: dict[str, str] = {}


def _json(values: Sequence[Any]) -> str:
    return msgspec.json.encode(list(values)).decode()


def after_commit(hook: Callable[[], object]) -> None:
    """Call `hook` once the surrounding transaction is durable; its errors are logged, never raised."""
    transaction.on_commit(hook, robust=True)
