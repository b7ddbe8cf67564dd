"""The demo's shop: real processes, real breakers, and a board that only hears of them by the contract."""

import signal

import psutil
import pytest

from demo import shop
from tests.demo.conftest import Fleet
from tests.demo.recording import Event

pytestmark = pytest.mark.boards

EVERYONE = {
    (service.name, instance, guard.name)
    for service in shop.SERVICES.values()
    for instance in shop.instances(service)
    for guard in service.guards
}


def subject(event: Event) -> tuple[str, str, str]:
    """Which breaker of which process this is about."""
    return event["service"], event["instance"], event["breaker"]


def changed(events: list[Event], service: str, breaker: str, to: str) -> set[str]:
    """The instances in which the breaker went there."""
    return {
        e["instance"] for e in events if e.get("to_state") == to and (e["service"], e["breaker"]) == (service, breaker)
    }


def test_every_breaker_of_every_process_is_told(fleet: Fleet) -> None:
    beats = fleet.board.until(
        lambda events: (
            len(found := {subject(e): e for e in events if e["type"] == "heartbeat"}) == len(EVERYONE) and found
        ),
        30,
        "a heartbeat of each breaker in each process",
    )
    assert set(beats) == EVERYONE
    route_plan = beats["dispatch", "dispatch-1", "route-plan"]
    assert route_plan["dependency"] == "geo"
    assert route_plan["labels"] == {"team": "logistics", "tier": "1"}
    assert route_plan["config"]["failure_threshold"] == 4
    assert {beat["state"] for beat in beats.values()} == {"closed"}


def test_a_dead_dependency_opens_its_callers_and_only_them(fleet: Fleet) -> None:
    fleet.make("inventory", "dead")
    for service, breaker in shop.callers("inventory"):
        everywhere = set(shop.instances(shop.SERVICES[service]))
        fleet.board.until(
            lambda events, s=service, b=breaker, e=everywhere: changed(events, s, b, "open") == e,
            30,
            f"{service}/{breaker} to open in {everywhere}",
        )
    opened = {(e["service"], e["breaker"]) for e in fleet.board.events if e.get("to_state") == "open"}
    assert opened == set(shop.callers("inventory"))
    assert {
        e["error"]["type"] for e in fleet.board.events if e["type"] == "failure" and e["breaker"] == "stock-reserve"
    } <= {"ConnectionRefusedError", "ConnectionResetError", "RemoteDisconnected", "Failed"}
    fleet.board.until(
        lambda events: (
            {"retry", "rejected", "fallback"} <= {e["type"] for e in events if e["breaker"] == "stock-check"}
        ),
        30,
        "a retry, a rejection and a fallback of stock-check",
    )
    fleet.make("inventory", "healthy")
    fleet.board.until(
        lambda events: (
            changed(events, "checkout", "stock-check", "closed") == set(shop.instances(shop.SERVICES["checkout"]))
        ),
        30,
        "stock-check to close by itself, after inventory came back",
    )


def test_a_reset_from_the_board_closes_the_breaker_in_the_process(fleet: Fleet) -> None:
    fleet.make("tracking-api", "failing?caller=customer-notifications-2")
    fleet.board.until(
        lambda events: (
            changed(events, "customer-notifications", "delivery-status", "open") == {"customer-notifications-2"}
        ),
        30,
        "delivery-status to open in the one instance that is treated badly",
    )
    fleet.make("tracking-api", "healthy")
    command = fleet.board.order("customer-notifications-2", "delivery-status", "reset")
    result = fleet.board.until(lambda _: fleet.board.results.get(command), 10, "the command's result")
    assert (result["instance"], result["status"]) == ("customer-notifications-2", "applied")
    close = next(
        e
        for e in fleet.board.events
        if e["breaker"] == "delivery-status"
        and e.get("to_state") == "closed"
        and e["instance"] == "customer-notifications-2"
    )
    assert (close["from_state"], close["reason"]["metric"]) == ("open", "manual")
    after = close["sequence"]
    fleet.board.until(
        lambda events: any(
            e["type"] == "success" and subject(e) == subject(close) and e["sequence"] > after for e in events
        ),
        30,
        "calls to pass again",
    )


def test_nothing_outlives_a_starter_that_is_killed(fleet: Fleet) -> None:
    processes = fleet.processes()
    assert len(processes) == 1 + len(shop.DEPENDENCIES) + sum(s.instances for s in shop.SERVICES.values())
    processes[-1].send_signal(signal.SIGSTOP)
    fleet.kill9()
    assert psutil.wait_procs(processes, timeout=5)[1] == []
