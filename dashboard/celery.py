"""Celery: the nudges, and the whole beat schedule. The tables are the queue; a lost task is found by the next sweep.

Two queues: `evaluate` (sweeps, folding, alert evaluation) and `deliver` (sending notifications, each with its own deadline).
Each periodic task means "do what is due": it may run twice, late, or not at all for a while.
"""

import os
import signal
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

from celery import Celery
from celery.beat import Scheduler
from celery.signals import beat_init, setup_logging
from django.conf import settings

QUEUES = ("evaluate", "deliver")
PULSE_EVERY = 10.0  # s


def broker_url(redis_url: str) -> str:
    """Celery's spelling of a Redis URL: a Unix socket has its own scheme there."""
    return redis_url.replace("unix://", "redis+socket://", 1)


app = Celery("breakerboard")
# Threads other than the one that imported this must find the same app.
app.set_default()
app.conf.update(
    broker_url=broker_url(settings.REDIS_URL),
    broker_use_ssl={"ssl_cert_reqs": ssl.CERT_REQUIRED} if settings.REDIS_URL.startswith("rediss://") else None,
    broker_connection_retry_on_startup=True,
    # None: try for ever; the default gives up after 100.
    broker_connection_max_retries=None,
    broker_transport_options={
        # More than four times the longest task; hence no ETA, no countdown and no Celery retry anywhere.
        "visibility_timeout": 120,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        # A frozen broker holds a publisher for 1 s, not for ever.
        "socket_timeout": 1,
        "socket_connect_timeout": 1,
        "max_retries": 1,
        "interval_start": 0,
        "health_check_interval": 10,
        "socket_keepalive": True,
        "global_keyprefix": "bb:",
    },
    # State is in rows.
    task_ignore_result=True,
    result_backend=None,
    accept_content=["json"],
    task_serializer="json",
    # Twice is safe; a poisonous row ends by its attempt count.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_publish_retry_policy={"max_retries": 0, "interval_start": 0, "interval_step": 0, "interval_max": 0},
    task_default_queue="evaluate",
    task_routes={
        f"alerts.tasks.{name}": {"queue": "deliver"} for name in ("deliver", "refresh", "ping", "read_calendar")
    },
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    timezone="UTC",
    beat_scheduler="dashboard.celery:BoardScheduler",
    beat_max_loop_interval=5,
    beat_schedule={
        "sweep": {"task": "breakers.tasks.sweep", "schedule": 5.0, "options": {"expires": 5}},
        "alerts": {"task": "alerts.tasks.sweep", "schedule": 5.0, "options": {"expires": 5}},
        "ping": {"task": "alerts.tasks.ping", "schedule": 60.0, "options": {"expires": 60}},
        "week": {"task": "alerts.tasks.tell_the_week", "schedule": 600.0, "options": {"expires": 600}},
        "fold": {"task": "breakers.tasks.fold", "schedule": 60.0, "options": {"expires": 60}},
        "audit-head": {"task": "breakers.tasks.keep_audit_head", "schedule": 3600.0, "options": {"expires": 600}},
        "prune": {"task": "breakers.tasks.prune", "schedule": 300.0, "options": {"expires": 300}},
        **{
            f"pulse-{queue}": {
                "task": "breakers.tasks.pulse",
                "schedule": PULSE_EVERY,
                "args": (f"worker:{queue}",),
                "options": {"queue": queue, "expires": 30},
            }
            for queue in QUEUES
        },
    },
)
app.autodiscover_tasks(["breakers", "alerts"])


class BoardScheduler(Scheduler):
    """Beat's memory is the code: nothing on disk that could be stale. At its start everything is due."""

    _pulsed_at = datetime.fromtimestamp(0, UTC)

    def setup_schedule(self) -> None:
        """Take the schedule, every entry of it long due."""
        super().setup_schedule()
        long_ago = self.app.now() - timedelta(days=1)
        for entry in self.schedule.values():
            entry.last_run_at = long_ago

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Send what is due, and say that beat is alive."""
        self._pulse(datetime.now(UTC))
        return super().tick(*args, **kwargs)

    def _pulse(self, now: datetime) -> None:
        if now - self._pulsed_at < timedelta(seconds=PULSE_EVERY):
            return
        self._pulsed_at = now
        from django.db import DatabaseError, close_old_connections

        from breakers.models import Pulse

        try:
            Pulse.objects.update_or_create(part="beat", defaults={"at": now})
        except DatabaseError as error:
            self.logger.warning("beat could not write its pulse: %s", error)
            close_old_connections()


@setup_logging.connect
def _use_our_logging(**_: Any) -> None:
    """Celery sets up no logging of its own where this signal is heard."""


@beat_init.connect
def _end_at_the_first_signal(**_: Any) -> None:
    """Celery's handler ends beat; a second signal (the group's, then `up`'s) would end the ending, with a traceback."""
    ends = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: Any) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        if callable(ends):
            ends(number, frame)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, end)
