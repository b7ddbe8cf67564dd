"""Formats: what other systems already emit, one file each, found by its name.

A file has `BODIES`, how its messages come, and `decode(documents, instance)`, which makes of them events of ours,
DROPPED and BadLines, one for each thing that was sent and in its order. Bytes in, values out; no I/O, no clock.
"""

import pkgutil
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from breakers.domain import foreign
from breakers.domain.foreign import Body
from breakers.domain.reports import BadBody, shown


@cache
def known() -> dict[str, ModuleType]:
    """The formats by name."""
    found = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: import_module(f"{__name__}.{name}") for name in found}


def bodies(name: str) -> tuple[Body, ...]:
    """How messages of that format come. Errors: BadBody 404 where there is no such format."""
    if name not in known():
        raise BadBody(404, f"unknown format {shown(name)}; expected one of {', '.join(known())}")
    found: tuple[Body, ...] = known()[name].BODIES
    return found


def read(name: str, kind: Body, instance: str | None, body: bytes) -> list[Any]:
    """The events of a body of that format; `instance` where the format names none. Errors: BadBody."""
    found = foreign.documents(body, kind)
    if Body.SSE in bodies(name):
        found = foreign.without_keep_alives(found)
    made: list[Any] = known()[name].decode(found, instance)
    return foreign.at_most(made)
