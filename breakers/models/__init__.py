"""The rows, one noun a file."""

from breakers.models.access import ApiToken
from breakers.models.access_count import AccessCount, KeyNetwork
from breakers.models.annotation import Annotation
from breakers.models.audit import Audit, AuditKey
from breakers.models.board import Board, Pulse, Tombstone
from breakers.models.breaker import Breaker, Instance
from breakers.models.command import Command, Delivery
from breakers.models.event import Event
from breakers.models.heard_alert import HeardAlert
from breakers.models.limit import ReachedLimit
from breakers.models.rollup import Rollup, Rollup10s
from breakers.models.service import IngestKey, Request, Service
from breakers.models.setting import SettingsChange
from breakers.models.source import Refusal, RefusalCount, Source, StoreSize
from breakers.models.transition import Outage, Quiet, Transition

__all__ = [
    "AccessCount",
    "Annotation",
    "ApiToken",
    "Audit",
    "AuditKey",
    "Board",
    "Breaker",
    "Command",
    "Delivery",
    "Event",
    "HeardAlert",
    "IngestKey",
    "Instance",
    "KeyNetwork",
    "Outage",
    "Pulse",
    "Quiet",
    "ReachedLimit",
    "Refusal",
    "RefusalCount",
    "Request",
    "Rollup",
    "Rollup10s",
    "Service",
    "SettingsChange",
    "Source",
    "StoreSize",
    "Tombstone",
    "Transition",
]
