"""The store of a running board, looked at and touched beside it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.board import Board


def rows(board: Board, sql: str) -> list[tuple[Any, ...]]:
    """What a statement returns."""
    with connection_to(board) as connection:
        return list(connection.execute(sql).fetchall())


def change(board: Board, sql: str) -> int:
    """Run a statement in a transaction of its own; how many rows it changed."""
    with connection_to(board) as connection:
        return int(connection.execute(sql).rowcount)


def sqlite_path(board: Board) -> Path:
    """The file of a board on SQLite."""
    url = board.environ.get("DATABASE_URL", "")
    return Path(url.removeprefix("sqlite://")) if url else board.data_dir / "breakerboard.sqlite3"


@contextmanager
def connection_to(board: Board) -> Iterator[Any]:
    """A connection of one's own to its database."""
    url = board.environ.get("DATABASE_URL", "")
    if url.startswith("postgresql:"):
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection
    else:
        with closing(sqlite3.connect(sqlite_path(board), timeout=10)) as connection, connection:
            yield connection
