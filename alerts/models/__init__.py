"""The rows, one noun a file."""

from alerts.models.alert import Alert, AlertLog
from alerts.models.destination import Destination
from alerts.models.notification import Attempt, Notification
from alerts.models.route import DeliveryFault, Reminder, Route
from alerts.models.rule import Rule

__all__ = ["Alert", "AlertLog", "Attempt", "DeliveryFault", "Destination", "Notification", "Reminder", "Route", "Rule"]
