"""The facts this app announces, after commit, with `send_robust`: receivers must return at once."""

from django.dispatch import Signal

# Sent with `version=…`, the board's change number, and `ids=frozenset(…)` of the changed alerts.
alerts_changed = Signal()
# Sent with `ids=frozenset(…)` of the DeliveryFault rows that began or ended: a destination fails, or takes messages again.
delivery_faults_changed = Signal()
