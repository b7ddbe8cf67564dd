"""The shop: which services there are, what each one calls, and how each call is guarded.

Data alone. The service processes, the dependencies, the chaos and the tests read it.
"""

from dataclasses import dataclass, field
from typing import Any

Answer = dict[str, Any]


@dataclass(frozen=True)
class Dependency:
    """A server that others call.

    port: where it listens when that is free, its control one above. usual_ms: how long an answer takes, about.
    """

    name: str
    port: int
    usual_ms: float
    answer: Answer


@dataclass(frozen=True)
class Guard:
    """A guarded call: one circuit breaker in each instance of the service.

    path: what is asked for, with a number in place of `{}`. per_second: calls of one instance.
    fallback: what is served in the answer's place, unless an answer younger than `keep_s` is at hand.
    """

    name: str
    dependency: str
    path: str
    per_second: float
    timeout_s: float
    fail_max: int
    reset_timeout_s: float
    fallback: Answer
    keep_s: float = 0.0
    retries: int = 1
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """A program of the shop, with its running copies `NAME-1`, `NAME-2` …"""

    name: str
    instances: int
    team: str
    guards: tuple[Guard, ...]


TIER_1, TIER_2, TIER_3 = ({"tier": tier} for tier in "123")

DEPENDENCIES = {
    dependency.name: dependency
    for dependency in (
        Dependency("tracking-api", 21010, 45, {"status": "in transit", "seen_at": "Hanover"}),
        Dependency("payments", 21020, 120, {"status": "authorised"}),
        Dependency("geo", 21030, 30, {"latitude": 52.37, "longitude": 9.73, "minutes": 34}),
        Dependency("inventory", 21040, 15, {"in_stock": 12, "warehouse": "north"}),
    )
}

SERVICES = {
    service.name: service
    for service in (
        Service(
            "orders",
            3,
            "orders",
            (
                Guard(
                    "delivery-tracking",
                    "tracking-api",
                    "/parcels/{}",
                    per_second=2.5,
                    timeout_s=0.5,
                    fail_max=5,
                    reset_timeout_s=15,
                    keep_s=120,
                    fallback={"status": "on its way"},
                    labels=TIER_1,
                ),
                Guard(
                    "stock-reserve",
                    "inventory",
                    "/reservations/{}",
                    per_second=2,
                    timeout_s=0.4,
                    fail_max=4,
                    reset_timeout_s=12,
                    fallback={"status": "on back order"},
                    labels=TIER_1,
                ),
                Guard(
                    "payment-refund",
                    "payments",
                    "/refunds/{}",
                    per_second=0.8,
                    timeout_s=1.0,
                    fail_max=4,
                    reset_timeout_s=20,
                    retries=2,
                    fallback={"status": "refund queued"},
                    labels=TIER_2,
                ),
            ),
        ),
        Service(
            "checkout",
            3,
            "payments",
            (
                Guard(
                    "card-authorise",
                    "payments",
                    "/authorisations/{}",
                    per_second=2,
                    timeout_s=0.8,
                    fail_max=3,
                    reset_timeout_s=10,
                    fallback={"status": "pay by invoice offered"},
                    labels=TIER_1,
                ),
                Guard(
                    "stock-check",
                    "inventory",
                    "/stock/{}",
                    per_second=3,
                    timeout_s=0.3,
                    fail_max=5,
                    reset_timeout_s=10,
                    keep_s=60,
                    fallback={"in_stock": None},
                    labels=TIER_1,
                ),
                Guard(
                    "delivery-quote",
                    "geo",
                    "/quotes/{}",
                    per_second=1.5,
                    timeout_s=0.5,
                    fail_max=5,
                    reset_timeout_s=15,
                    fallback={"price": "flat rate"},
                    labels=TIER_2,
                ),
            ),
        ),
        Service(
            "dispatch",
            2,
            "logistics",
            (
                Guard(
                    "route-plan",
                    "geo",
                    "/routes/{}",
                    per_second=1.5,
                    timeout_s=1.2,
                    fail_max=4,
                    reset_timeout_s=20,
                    keep_s=600,
                    fallback={"route": "as yesterday"},
                    labels=TIER_1,
                ),
                Guard(
                    "parcel-pick",
                    "inventory",
                    "/picks/{}",
                    per_second=2,
                    timeout_s=0.5,
                    fail_max=5,
                    reset_timeout_s=15,
                    keep_s=300,
                    fallback={"shelf": "ask the warehouse"},
                    labels=TIER_2,
                ),
                Guard(
                    "handover-scan",
                    "tracking-api",
                    "/scans/{}",
                    per_second=1.5,
                    timeout_s=0.6,
                    fail_max=5,
                    reset_timeout_s=20,
                    retries=2,
                    fallback={"status": "kept on the scanner"},
                    labels=TIER_2,
                ),
            ),
        ),
        Service(
            "customer-notifications",
            2,
            "customer-care",
            (
                Guard(
                    "delivery-status",
                    "tracking-api",
                    "/parcels/{}",
                    per_second=2,
                    timeout_s=0.5,
                    fail_max=5,
                    reset_timeout_s=30,
                    keep_s=30,
                    fallback={"delivery_window": "tomorrow, 8:00 to 18:00"},
                    labels=TIER_2,
                ),
                Guard(
                    "address-lookup",
                    "geo",
                    "/addresses/{}",
                    per_second=1,
                    timeout_s=0.6,
                    fail_max=5,
                    reset_timeout_s=20,
                    keep_s=3600,
                    fallback={"address": "as the customer wrote it"},
                    labels=TIER_3,
                ),
                Guard(
                    "receipt-lookup",
                    "payments",
                    "/receipts/{}",
                    per_second=0.8,
                    timeout_s=0.7,
                    fail_max=4,
                    reset_timeout_s=20,
                    fallback={"receipt": "follows by mail"},
                    labels=TIER_3,
                ),
            ),
        ),
    )
}


def instances(service: Service) -> list[str]:
    """The names of the service's running copies."""
    return [f"{service.name}-{number}" for number in range(1, service.instances + 1)]


def callers(dependency: str) -> list[tuple[str, str]]:
    """Which breakers guard calls of this dependency: (service, breaker)."""
    return [
        (service.name, guard.name)
        for service in SERVICES.values()
        for guard in service.guards
        if guard.dependency == dependency
    ]


def url_setting(dependency: str) -> str:
    """The environment variable that says where a dependency is: TRACKING_API_URL."""
    return dependency.upper().replace("-", "_") + "_URL"


def control_setting(dependency: str) -> str:
    """The environment variable that says where a dependency's control is: TRACKING_API_CONTROL_URL."""
    return dependency.upper().replace("-", "_") + "_CONTROL_URL"
