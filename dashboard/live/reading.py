"""Reading for the sockets: in four threads of our own, whose database connections stay open between reads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import ParamSpec, TypeVar

from channels.db import DatabaseSyncToAsync
from django.db import connections

READERS = 4
P = ParamSpec("P")
T = TypeVar("T")


class Reader:
    """At most four reads at once; the others wait. No read holds up the event loop or a request's thread."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="live")

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that reads the database."""
        call = DatabaseSyncToAsync(function, thread_sensitive=False, executor=self._pool)
        result: T = await call(*args, **kwargs)
        return result

    async def close(self) -> None:
        """Close the threads' connections, and end them."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        together = Barrier(READERS)

        def close_own() -> None:
            together.wait(timeout=10)  # so that each thread gets one
            connections.close_all()

        for closing in [self._pool.submit(close_own) for _ in range(READERS)]:
            closing.result()
        self._pool.shutdown()
