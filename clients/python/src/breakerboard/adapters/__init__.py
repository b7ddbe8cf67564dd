"""Adapters: how each breaker library is watched and commanded.

An adapter's module is imported when a breaker of its library is attached, not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Callable, cast

from breakerboard.adapters.base import Adapter
from breakerboard.buffer import Buffer
from breakerboard.events import Subject
from breakerboard.settings import Settings

Labels = dict[str, str]
Make = Callable[[Any, Subject, Labels, Buffer, Settings], Adapter]

ADAPTERS = {"pybreaker": ("breakerboard.adapters.pybreaker", "PybreakerAdapter")}


def adapter_for(breaker: object) -> Make:
    """The adapter for this breaker, found by the package that its class, or a parent of it, comes from."""
    for kind in type(breaker).__mro__:
        package = kind.__module__.split(".")[0]
        if package in ADAPTERS:
            module, name = ADAPTERS[package]
            return cast(Make, getattr(import_module(module), name))
    raise TypeError(
        f"There is no adapter for a {type(breaker).__module__}.{type(breaker).__qualname__}; "
        f"known libraries: {', '.join(sorted(ADAPTERS))}."
    )
