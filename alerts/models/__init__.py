"""The rows, one noun a file."""

from alerts.models.alert import Alert, AlertLog
from alerts.models.destination import Destination
from alerts.models.incident import Incident, IncidentLog
from alerts.models.notification import Attempt, Notification
from alerts.models.rota import Override, Person, Rota
from alerts.models.route import DeliveryFault, Reminder, Route
from alerts.models.rule import Rule, Watch
from alerts.models.silence import Silence

__all__ = [
    "Alert",
    "AlertLog",
    "Attempt",
    "DeliveryFault",
    "Destination",
    "Incident",
    "IncidentLog",
    "Notification",
    "Override",
    "Person",
    "Reminder",
    "Rota",
    "Route",
    "Rule",
    "Silence",
    "Watch",
]
