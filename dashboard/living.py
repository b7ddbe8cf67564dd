"""Living: a process of several tells the one that started it that its event loop turns."""

import asyncio
import os
from contextlib import suppress

VARIABLE = "SIGNS_OF_LIFE"  # the pipe to write to
EVERY = 2.0  # s


async def show_life() -> None:
    """Write a byte every two seconds; nothing where nobody reads."""
    pipe = os.environ.get(VARIABLE)
    if pipe is None:
        return
    while True:
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(int(pipe), b".")
        await asyncio.sleep(EVERY)


def has_shown(pipe: int) -> bool:
    """Whether something was written since the last look."""
    try:
        return bool(os.read(pipe, 65_536))
    except BlockingIOError:
        return False
