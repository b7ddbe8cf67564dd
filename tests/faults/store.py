"""The store of a running board, looked at and touched beside it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.apps import apps

from breakers.models import Pulse
from breakers.models.fields import MomentField
from tests.board import Board


def rows(board: Board, sql: str) -> list[tuple[Any, ...]]:
    """What a statement returns."""
    with _connection(board) as connection:
        return list(connection.execute(sql).fetchall())


def change(board: Board, sql: str) -> int:
    """Run a statement in a transaction of its own; how many rows it changed."""
    with _connection(board) as connection:
        return int(connection.execute(sql).rowcount)


def move_moments(board: Board, by_s: int) -> None:
    """All moments that the alert road has written lie so much later, in one transaction."""
    models = [*apps.get_app_config("alerts").get_models(), Pulse]
    with _connection(board) as connection:
        connection.execute("BEGIN IMMEDIATE" if "DATABASE_URL" not in board.environ else "BEGIN")
        for model in models:
            columns = [field.column for field in model._meta.fields if isinstance(field, MomentField)]
            moved = ", ".join(f"{column} = {column} + {by_s * 1_000_000}" for column in columns)
            if moved:
                connection.execute(f"UPDATE {model._meta.db_table} SET {moved}")
        connection.execute("COMMIT")


def sqlite_path(board: Board) -> Path:
    """The file of a board on SQLite."""
    url = board.environ.get("DATABASE_URL", "")
    return Path(url.removeprefix("sqlite://")) if url else board.data_dir / "breakerboard.sqlite3"


@contextmanager
def _connection(board: Board) -> Iterator[Any]:
    url = board.environ.get("DATABASE_URL", "")
    if url.startswith("postgresql:"):
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection
    else:
        with closing(sqlite3.connect(sqlite_path(board), timeout=10)) as connection, connection:
            yield connection
