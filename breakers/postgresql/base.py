"""The backend that `DATABASES["ENGINE"] = "breakers.postgresql"` loads."""

from types import SimpleNamespace
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg.abc import RV, PQGen
from psycopg.errors import _WaitTimeout

from breakers.patience import patience


class ImpatientConnection(psycopg.Connection[Any]):
    """A connection that is given up where an answer does not come."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Errors: OperationalError, with the connection closed, where nothing came in time."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        seconds = patience()
        try:
            return super().wait(gen, interval, seconds)
        except _WaitTimeout as error:
            # Closed at once: a rollback would wait as long again, for the same answer.
            self.close()
            raise psycopg.OperationalError(f"the server did not answer within {seconds:g} s") from error


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, but for how it connects, and for what it takes for a connection to go on with."""

    # Django only looks names up in it.
    Database = SimpleNamespace(**{**vars(psycopg), "connect": ImpatientConnection.connect})  # type: ignore[assignment]

    def is_usable(self) -> bool:
        """Whether it answers, and may write: a server that was read-only when we connected may have become another since."""
        if self.connection is None:
            return False
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('transaction_read_only')")
                row = cursor.fetchone()
        except psycopg.Error:
            return False
        return row is not None and row[0] == "off"
