"""Migrating: a change of the tables of a large store takes as long as it takes; the board's own time limits would end it half-way.

Only the limit on waiting for another's lock stays: those who write must not queue behind a change that can't begin.
"""

from django.db import connections

from breakers.patience import USUAL, hurry

FOR_EVER = 366 * 86_400.0  # s


def begin(using: str, **_: object) -> None:
    """`pre_migrate`."""
    hurry(FOR_EVER)
    _run(using, "SET statement_timeout = 0")


def end(using: str, **_: object) -> None:
    """`post_migrate`. After an error this process ends anyway."""
    hurry(USUAL)
    _run(using, "RESET statement_timeout")


def _run(using: str, sql: str) -> None:
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute(sql)
