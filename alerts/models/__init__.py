"""The rows, one noun a file."""

from alerts.models.alert import Alert, AlertLog
from alerts.models.destination import Destination
from alerts.models.notification import Attempt, Notification
from alerts.models.rule import Rule

__all__ = ["Alert", "AlertLog", "Attempt", "Destination", "Notification", "Rule"]
