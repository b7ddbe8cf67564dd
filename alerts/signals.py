"""The fact this app announces, after commit, with `send_robust`: receivers must return at once."""

from django.dispatch import Signal

# Sent with `version=…`, the board's change number, and `ids=frozenset(…)` of the changed alerts.
alerts_changed = Signal()
