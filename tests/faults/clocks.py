"""The clock of a running board, as its processes see it: all that is written lies earlier or later than they left it."""

from django.apps import apps

from breakers.models import Pulse
from breakers.models.fields import MomentField
from tests.board import Board
from tests.faults.store import connection_to


def move_moments(board: Board, by_s: int) -> None:
    """All moments that the alert road has written lie so much later, in one transaction."""
    models = [*apps.get_app_config("alerts").get_models(), Pulse]
    with connection_to(board) as connection:
        connection.execute("BEGIN IMMEDIATE" if "DATABASE_URL" not in board.environ else "BEGIN")
        for model in models:
            columns = [field.column for field in model._meta.fields if isinstance(field, MomentField)]
            moved = ", ".join(f"{column} = {column} + {by_s * 1_000_000}" for column in columns)
            if moved:
                connection.execute(f"UPDATE {model._meta.db_table} SET {moved}")
        connection.execute("COMMIT")
