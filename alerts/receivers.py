"""What this app hears: the headline of a breaker changed, so there is something to evaluate."""

from django.dispatch import receiver

from breakers import nudging
from breakers.signals import Changes, breakers_changed


@receiver(breakers_changed)
def evaluate_soon(changes: Changes, **_: object) -> None:
    """Nudge the evaluation. Where the nudge gets lost, the sweep finds the transitions."""
    if changes.transitions:
        nudging.nudge("alerts.tasks.evaluate")
