"""The tables that a command beside the board works on: the board makes them, at its start."""

from django.core.management.base import CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor


def need_tables() -> None:
    """Say what to do where they are not there, or of another version: no command changes them below a running board.

    Errors: CommandError.
    """
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except OperationalError as error:
        raise CommandError(f"the database can't be used: {str(error).strip().splitlines()[0]}") from error
    if missing:
        old = "has the tables of an earlier version" if executor.loader.applied_migrations else "is empty"
        name = connection.settings_dict["NAME"]
        raise CommandError(f"the database {name} {old}; start the board with `make run`, then do this again")
