"""The two dialects: the writers' lock, and the few bulk statements, for SQLite and PostgreSQL side by side.

Statements go to the driver itself: Django's cursor would rewrite each of them at each call. On PostgreSQL they are prepared
once a connection, and sent together where nobody waits for their results.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import chain
from typing import Any

import msgspec
import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from breakers.errors import StoreUnavailable

# Any number that no one else on this database uses; one lock for every writer of change numbers.
WRITERS_LOCK = 0x62_6F_61_72_64
Row = Sequence[Any]
# Rows in one statement of SQLite.
MOST_ROWS = 64


@cache
def is_postgresql() -> bool:
    """Whether the store is PostgreSQL; else it is SQLite. A process never changes its store."""
    return connection.vendor == "postgresql"


class Writing:
    """A transaction under the writers' lock."""

    def __init__(self, sending: ExitStack | None) -> None:
        self._sending = sending
        # What was asked for at its beginning.
        self.first: list[Any] = []

    def send_together(self) -> None:
        """From here on, statements go to PostgreSQL in one piece with the commit, which tells of their errors.

        None of them may be asked for what it found or touched.
        """
        if self._sending is not None:
            self._sending.enter_context(connection.connection.pipeline())


@contextmanager
def writing(first: str = "", params: Sequence[Any] = ()) -> Iterator[Writing]:
    """A transaction that holds the writers' lock to its commit, so that change numbers become visible in order.

    `first` is read as soon as the lock is held, in the same round trip. SQLite begins IMMEDIATE, which is the lock.
    Errors: StoreUnavailable where the database can't be written.
    """
    try:
        # Left after the commit: what was sent together with it is answered by then.
        with connection.wrap_database_errors, ExitStack() as sending, transaction.atomic():
            if is_postgresql():
                nested = len(connection.savepoint_ids) > 0
                written = Writing(None if nested else sending)
                with connection.wrap_database_errors, connection.connection.pipeline():
                    _execute("SELECT pg_advisory_xact_lock(%s)", [WRITERS_LOCK])
                    if first:
                        written.first = _execute(first, params).fetchall()
            else:
                written = Writing(None)
                if first:
                    written.first = select(first, params)
            yield written
    except (OperationalError, InterfaceError) as error:
        connection.close_if_unusable_or_obsolete()
        raise StoreUnavailable(f"the database can't be written: {str(error).strip().splitlines()[0]}") from error
    except DatabaseError as error:
        if isinstance(error.__cause__, psycopg.errors.ReadOnlySqlTransaction):
            # A replica, or a server that was told so: the next try connects to whoever it is by then.
            connection.close()
            raise StoreUnavailable("the database can't be written: it is read-only") from error
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

    PostgreSQL gets an array a column. SQLite gets chunks of at most 64 rows, so that few texts are prepared, once each, and so
    that the interpreter's lock is given away once a chunk and not once a row: others run meanwhile. `padding` makes of a
    row one that changes nothing after it: chunks are filled up with it to 1, 2, 4 … 64 rows.
    """

    def __init__(
        self, columns: Mapping[str, str], sqlite: str, postgresql: str, padding: Callable[[Row], Row] | None = None
    ) -> None:
        self._one = f"({', '.join('?' * len(columns))})"
        self._sqlite = sqlite
        self._texts: dict[int, str] = {}
        self._padding = padding
        self._postgresql = postgresql.replace("{rows}", _unnest(columns))
        self._literals = [_LITERALS.get(kind, _quoted) for kind in columns.values()]

    def __call__(self, rows: Sequence[Row]) -> None:
        """Run it; nothing for no rows."""
        if not rows:
            return
        if is_postgresql():
            columns = zip(*rows, strict=True)
            _execute(self._postgresql, [array(column) for array, column in zip(self._literals, columns, strict=True)])
            return
        with connection.wrap_database_errors:
            cursor = _raw()
            for start in range(0, len(rows), MOST_ROWS):
                some = rows[start : start + MOST_ROWS]
                size = len(some)
                if self._padding is not None:
                    size = 1 << (size - 1).bit_length()
                    some = [*some, *([self._padding(some[-1])] * (size - len(some)))]
                cursor.execute(self._texts.get(size) or self._text(size), list(chain.from_iterable(some)))

    def _text(self, size: int) -> str:
        text = self._texts[size] = self._sqlite.replace("{rows}", ", ".join([self._one] * size))
        return text


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
        # An update of no row.
        lambda row: (*row[:-1], None),
    )


def put(table: str, keys: Mapping[str, str], columns: Mapping[str, str]) -> Statement:
    """Insert rows, or set the columns of those that are there."""
    every = {**keys, **columns}
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns)
    head = f"INSERT INTO {table} ({', '.join(every)})"
    conflict = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}"
    # Put once more, a row stays as it is.
    return Statement(
        every, f"{head} VALUES {{rows}} {conflict}", f"{head} SELECT * FROM {{rows}} {conflict}", lambda row: row
    )


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
        # Once more, with nothing to add.
        lambda row: (*row[: len(keys)], *([0] * len(counters))),
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
    raw = connection.connection
    # Django's own cursors write the parameters into the text; these leave them to the server, which parses a text once.
    return _PreparingCursor(raw) if is_postgresql() else raw.cursor()


class _PreparingCursor(psycopg.Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
        return super().execute(query, params, **{"prepare": True, **more})


def _question_marks(sql: str) -> str:
    known = _QUESTION_MARKS.get(sql)
    if known is None:
        known = _QUESTION_MARKS[sql] = sql.replace("%s", "?").replace("%%", "%")
    return known


_QUESTION_MARKS: dict[str, str] = {}


def _plain(values: Sequence[Any]) -> str:
    """PostgreSQL's text of an array of numbers; its driver's own way costs ten times as much."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def _quoted(values: Sequence[Any]) -> str:
    """The same of an array of texts."""
    return "{" + ",".join(["NULL" if value is None else _in_quotes(value) for value in values]) + "}"


def _in_quotes(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _hex(values: Sequence[bytes]) -> str:
    """The same of an array of bytes."""
    return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"


_LITERALS: dict[str, Callable[[Sequence[Any]], str]] = {
    **dict.fromkeys(("bigint", "int", "float8", "bool"), _plain),
    "bytea": _hex,
}


def _json(values: Sequence[Any]) -> str:
    return msgspec.json.encode(list(values)).decode()


def after_commit(hook: Callable[[], object]) -> None:
    """Call `hook` once the surrounding transaction is durable; its errors are logged, never raised."""
    transaction.on_commit(hook, robust=True)
