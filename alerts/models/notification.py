"""Notifications: the outbox. A row that is due is owed, whatever the broker lost; and each try that was made."""

from django.db import models

from alerts.models.alert import Alert
from alerts.models.destination import Destination
from breakers.models.fields import MomentField


class State(models.TextChoices):
    """How far it came. All but `due` are final."""

    DUE = "due"
    SENT = "sent"
    DEAD = "dead"
    DROPPED = "dropped"


class Notification(models.Model):
    """One message owed to one destination. `body` is what is sent, byte for byte, at each try."""

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="notifications")
    destination = models.ForeignKey(Destination, models.PROTECT, related_name="notifications")
    kind = models.CharField(max_length=12)
    # Its place among those of its alert to its destination: a lower one that is not finished holds it back.
    sequence = models.IntegerField()
    body = models.BinaryField()
    # What it says, in one sentence. Empty: it was written before this was kept.
    summary = models.CharField(max_length=500, default="", db_default="")
    # Why it goes to this destination, where a route does not name it itself: "on call for payments: Grace, override by ada".
    because = models.CharField(max_length=300, default="", db_default="")
    # The same at every try, and where another destination stands in: what a receiver knows a repetition by.
    webhook_id = models.CharField(max_length=40)
    created_at = MomentField()
    # The notification that this one sends again by hand; null: the first.
    resend_of = models.ForeignKey("self", models.SET_NULL, null=True, related_name="resends")
    # The notification that goes this way because its own destination fails; null: this is its own way.
    stands_in_for = models.OneToOneField("self", models.SET_NULL, null=True, related_name="stand_in")
    # The digest that told of this one in its place; null: it speaks for itself.
    digest = models.ForeignKey("self", models.SET_NULL, null=True, related_name="members")

    state = models.CharField(max_length=8, choices=State.choices, default=State.DUE)
    # Why it was not sent, or is not yet: a word of `domain.deciding.Reason` or a sentence.
    reason = models.CharField(max_length=500, default="")
    due_at = MomentField()
    give_up_at = MomentField()
    # The lease of the worker that is sending it; null: nobody is. Lapsed: that worker was lost.
    claimed_until = MomentField(null=True)
    # How often it was claimed. The fence: a finish counts only for the attempt that is still the last.
    attempt = models.IntegerField(default=0)
    finished_at = MomentField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["alert", "destination", "sequence"], name="one_notification_a_place"),
            models.UniqueConstraint(fields=["webhook_id", "destination"], name="one_notification_an_id"),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="notifications_due", condition=models.Q(state="due")),
            models.Index(
                fields=["destination", "claimed_until"],
                name="notifications_leased",
                condition=models.Q(claimed_until__isnull=False),
            ),
        ]


class Attempt(models.Model):
    """One try, and how it went."""

    notification = models.ForeignKey(Notification, models.CASCADE, related_name="attempts")
    number = models.IntegerField()
    started_at = MomentField()
    # Null: the worker was lost before it could tell.
    took_ms = models.IntegerField(null=True)
    address = models.CharField(max_length=64, default="")
    status_code = models.IntegerField(null=True)
    # A word of `destinations.base.Outcome`.
    outcome = models.CharField(max_length=12)
    error = models.CharField(max_length=500, default="")
    # The first KiB of the answer, without control characters.
    answer = models.TextField(default="")
    # Null: it was the last.
    next_due_at = MomentField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notification", "number"], name="one_attempt_a_number")]
