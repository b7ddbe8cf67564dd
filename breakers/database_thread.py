"""A few threads that may use the database on behalf of the event loop, with connections that they look after."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from breakers.errors import StoreUnavailable
from breakers.patience import hurry

P = ParamSpec("P")
T = TypeVar("T")


class DatabaseThreads:
    """Runs functions that use the ORM; each thread keeps one connection, and drops it when it breaks."""

    def __init__(self, threads: int, name: str, within: float = 8.0) -> None:
        """within: seconds that one who asks waits at most, in the queue or for the database."""
        self._within = within
        self._kept: list[BaseDatabaseWrapper] = []
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=self._begin)

    def _begin(self) -> None:
        hurry(self._within - 2)
        own = connections[DEFAULT_DB_ALIAS]
        # So that it can be closed once its thread is gone.
        own.inc_thread_sharing()
        self._kept.append(own)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `work(*args)`. Errors: what it raises; StoreUnavailable where the database is not there in time."""
        asked = asyncio.get_running_loop().run_in_executor(self._executor, lambda: kept(work, *args, **kwargs))
        try:
            return await asyncio.wait_for(asked, self._within)
        except TimeoutError as error:
            raise StoreUnavailable(f"the database did not answer within {self._within:g} s") from error

    def stop(self) -> None:
        """Wait for what is running; then close the threads' connections."""
        self._executor.shutdown(cancel_futures=True)
        for own in self._kept:
            own.close()
        self._kept.clear()


def kept(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `work` on this thread's connection: looked at before, closed after an error of the database."""
    check_connection()
    try:
        return work(*args, **kwargs)
    except (OperationalError, InterfaceError) as error:
        if not connection.in_atomic_block:
            connection.close()
        raise StoreUnavailable(f"the database can't be reached: {str(error).strip().splitlines()[0]}") from error


def check_connection() -> None:
    """Drop a connection that broke while it was idle (a restarted server), outside of any transaction."""
    if connection.in_atomic_block:
        return
    connection.health_check_done = False  # type: ignore[attr-defined]  # missing in the stubs
    connection.close_if_health_check_failed()
