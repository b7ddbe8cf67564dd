"""Breakerboard's client: a service's circuit breakers, seen and commanded from one wall.

    from breakerboard import Reporter
    reporter = Reporter("https://board.example.com", key)
    reporter.attach(breaker, name="tracking", dependency="tracking-api")

It never raises into a guarded call, never makes one wait for the network, and needs
nothing but the standard library.
"""

from breakerboard.reporter import Reporter
from breakerboard.settings import Settings
from breakerboard.version import VERSION

__version__ = VERSION
__all__ = ["Reporter", "Settings"]
