"""A pager that fails, and who stands in: real receivers, in order, once, under the same id, and with the reason."""

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest
from pytest_django.fixtures import Settings

from alerts import addressing, deputising, escalating, leading, queries
from alerts.models import Destination, Notification
from breakers.access import Actor
from breakers.errors import Invalid
from tests.alerts import mail
from tests.alerts.conftest import DAY, Scenario, body_of, clock
from tests.alerts.receiver import Receiver, answers, receiver

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]


@pytest.fixture
def pager(settings: Settings) -> Iterator[Receiver]:
    """Answers 500, until it is mended."""
    settings.ALLOW_PRIVATE_TARGETS = True
    with receiver() as one:
        one.then = answers(500)
        yield one


@pytest.fixture
def spare() -> Iterator[Receiver]:
    """Takes everything."""
    with receiver() as one:
        yield one


@pytest.fixture
def to(ada: Actor, pager: Receiver, spare: Receiver) -> dict[str, str]:
    """The pager, and the spare as its fallback; every alert goes to the pager alone."""
    found = {"spare": str(addressing.add(ada, "spare", "webhook", {"url": spare.url}, at=DAY).row.pk)}
    config = {"url": pager.url}
    found["pager"] = str(addressing.add(ada, "pager", "webhook", config, fallback=found["spare"], at=DAY).row.pk)
    leading.add(ada, {"name": "all", "destinations": [found["pager"]], "repeat_s": [900]}, at=DAY)
    return found


def fails(scenario: Scenario, text: str) -> None:
    """The pager has failed often enough, from this moment on."""
    scenario.at(text)
    for number in range(5):
        scenario.then("open", f"warming-up/b{number}")
    scenario.delivers()
    assert Destination.objects.get(name="pager").open_until is not None


def passes(scenario: Scenario, text: str) -> None:
    """The sweep comes by, and what is due is sent."""
    scenario.at(text)
    escalating.sweep(scenario.now)
    deputising.sweep(scenario.now)
    scenario.delivers()


def of(scenario: Scenario, breaker: str) -> list[str]:
    """A breaker's notifications: `pager opened due`."""
    rows = Notification.objects.filter(alert__breaker_name=breaker).select_related("destination").order_by("pk")
    return [f"{row.destination.name} {row.kind} {row.state}" for row in rows]


def test_after_two_minutes_the_spare_hears_in_order_and_once(
    scenario: Scenario, pager: Receiver, spare: Receiver, to: dict[str, str]
) -> None:
    fails(scenario, "03:12")
    passes(scenario, "03:13:59")
    assert spare.requests == []
    passes(scenario, "03:14")
    assert [body_of(each)["alert"]["breaker"]["name"] for each in spare.requests] == [f"b{n}" for n in range(5)]
    assert {each.headers["webhook-id"] for each in spare.requests} <= {
        each.webhook_id for each in Notification.objects.filter(destination=to["pager"])
    }
    # What comes now waits for no two minutes.
    scenario.at("03:20").then("open", "orders/stock")
    passes(scenario, "03:20:05")
    passes(scenario, "03:20:10")
    scenario.at("03:25").then("closed", "orders/stock")
    scenario.at("03:26").sweeps()
    passes(scenario, "03:26:05")
    passes(scenario, "03:26:10")
    heard = [body_of(each) for each in spare.requests[5:]]
    assert [(each["kind"], each["type"], each["summary"]) for each in heard] == [
        ("opened", "alert.firing", "stock opened in orders (3 of 10 instances)"),
        ("resolved", "alert.resolved", "stock closed again in orders after 5 min"),
    ]
    # To the pager, which was never tried with it, both in one; the spare was told both.
    assert of(scenario, "stock") == [
        "pager opened dropped", "spare opened sent", "pager update due", "spare resolved sent",
    ]  # fmt: skip
    told = queries.alert(str(scenario.alert().pk)).notifications
    assert [(each.because, each.handed_to) for each in told] == [
        ("", "spare"),
        ("pager is failing since 03:12 UTC, and spare is its fallback", None),
        ("", None),
        ("", None),
    ]
    assert told[0].webhook_id == told[1].webhook_id
    # Mended: what was owed to it comes too, in its order, and the spare hears no more.
    pager.then = answers(200)
    scenario.at("03:40")
    Notification.objects.filter(destination=to["pager"], state="due").update(due_at=scenario.now)
    scenario.delivers()
    Notification.objects.filter(destination=to["pager"], state="due").update(due_at=scenario.now)
    scenario.delivers()
    assert of(scenario, "stock")[0::2] == ["pager opened dropped", "pager update sent"]
    assert of(scenario, "b0") == ["pager opened sent", "spare opened sent"]
    scenario.at("03:41").then("open", "orders/tax")
    passes(scenario, "03:45")
    assert of(scenario, "tax") == ["pager opened sent"]
    assert len(spare.requests) == 7


def test_reminders_take_the_same_way(scenario: Scenario, spare: Receiver, to: dict[str, str]) -> None:
    fails(scenario, "03:00")
    passes(scenario, "03:05")
    passes(scenario, "03:15")
    passes(scenario, "03:15:05")
    kinds = [body_of(each)["kind"] for each in spare.requests if body_of(each)["alert"]["breaker"]["name"] == "b0"]
    assert kinds == ["opened", "repeat"]


def test_whoever_hears_by_a_route_of_its_own_hears_once(
    scenario: Scenario, spare: Receiver, to: dict[str, str], ada: Actor
) -> None:
    fails(scenario, "03:00")
    leading.add(ada, {"name": "both", "matchers": {"service": "orders"}, "destinations": [to["spare"]]}, at=DAY)
    scenario.at("03:10").then("open", "orders/stock")
    passes(scenario, "03:11")
    passes(scenario, "03:12")
    assert of(scenario, "stock") == ["pager opened due", "spare opened sent"]


def test_what_was_given_up_goes_to_the_fallback_at_once(
    scenario: Scenario, pager: Receiver, spare: Receiver, to: dict[str, str], settings: Settings
) -> None:
    scenario.at("03:00").then("open")
    settings.ALLOW_PRIVATE_TARGETS = False
    scenario.delivers()
    settings.ALLOW_PRIVATE_TARGETS = True
    deputising.sweep(scenario.now)
    scenario.delivers()
    deputising.sweep(scenario.now)
    assert of(scenario, "delivery-tracking") == ["pager opened dead", "spare opened sent"]
    why = Notification.objects.latest("pk").because
    assert why.startswith("pager did not take it (the address 127.0.0.1 is ")
    assert why.endswith("), and spare is its fallback")


def test_who_was_told_the_beginning_by_the_pager_itself_is_told_the_end_by_it(
    scenario: Scenario, pager: Receiver, spare: Receiver, to: dict[str, str]
) -> None:
    pager.then = answers(200)
    scenario.at("02:00").then("open")
    scenario.delivers()
    pager.then = answers(500)
    fails(scenario, "03:00")
    scenario.at("03:05").then("closed")
    scenario.at("03:06").sweeps()
    passes(scenario, "03:06:05")
    assert of(scenario, "delivery-tracking") == ["pager opened sent", "pager resolved due"]
    assert len(spare.requests) == 5


def test_what_is_long_over_is_handed_to_nobody(
    scenario: Scenario, spare: Receiver, to: dict[str, str], ada: Actor
) -> None:
    addressing.change(ada, to["pager"], fallback="", at=DAY)
    fails(scenario, "03:00")
    scenario.at("03:01").tried()
    for number in range(4):
        scenario.then("closed", f"warming-up/b{number}")
    scenario.at("03:02").sweeps()
    addressing.change(ada, to["pager"], fallback=to["spare"], at=clock("03:30"))
    passes(scenario, "03:30")
    assert [body_of(each)["alert"]["breaker"]["name"] for each in spare.requests] == ["b4", "b4"]
    assert [body_of(each)["kind"] for each in spare.requests] == ["opened", "repeat"]


def test_the_pager_took_it_after_all(scenario: Scenario, pager: Receiver, spare: Receiver, to: dict[str, str]) -> None:
    fails(scenario, "03:00")
    deputising.sweep(clock("03:02"))
    first = Notification.objects.filter(destination=to["pager"]).earliest("pk")
    Notification.objects.filter(pk=first.pk).update(state="sent")
    scenario.at("03:02").delivers()
    assert of(scenario, "b0") == ["pager opened sent", "spare opened dropped"]
    stand_in = Notification.objects.get(stands_in_for=first)
    assert stand_in.reason == "not sent: the destination that it stands in for took it after all"
    assert len(spare.requests) == 4


def test_when_the_fallback_fails_too_its_own_stands_in_and_there_is_no_ring(
    scenario: Scenario, spare: Receiver, to: dict[str, str], ada: Actor
) -> None:
    with receiver() as last:
        third = str(addressing.add(ada, "last", "webhook", {"url": last.url}, at=DAY).row.pk)
        addressing.change(ada, to["spare"], fallback=third, at=DAY)
        with pytest.raises(Invalid, match="last → pager → spare → last: a fallback must not lead back"):
            addressing.change(ada, third, fallback=to["pager"], at=DAY)
        with pytest.raises(Invalid, match="spare → spare: a fallback must not lead back"):
            addressing.change(ada, to["spare"], fallback=to["spare"], at=DAY)
        with pytest.raises(Invalid, match="no destination 'nowhere'"):
            addressing.change(ada, to["spare"], fallback="nowhere", at=DAY)
        # Two admins at once could still make one: nothing goes around in it.
        Destination.objects.filter(pk=third).update(fallback=to["pager"])
        spare.then = answers(500)
        fails(scenario, "03:00")
        for text in ("03:02", "03:04", "03:04:05", "03:10", "03:10:05"):
            passes(scenario, text)
        assert of(scenario, "b0") == ["pager opened due", "spare opened due", "last opened sent"]
        assert len(last.requests) == 5
        ids = Notification.objects.filter(alert__breaker_name="b0").values_list("webhook_id", flat=True)
        assert len(set(ids)) == 1
        # The one between is off: the last one stands in for the pager.
        addressing.change(ada, to["spare"], enabled=False, at=clock("03:20"))
        scenario.at("03:20").then("open", "orders/stock")
        passes(scenario, "03:20:05")
        assert of(scenario, "stock") == ["pager opened due", "last opened sent"]


def test_a_pager_that_was_switched_off_on_purpose_has_nobody_in_its_place(
    scenario: Scenario, spare: Receiver, to: dict[str, str], ada: Actor
) -> None:
    fails(scenario, "03:00")
    addressing.change(ada, to["pager"], enabled=False, at=clock("03:01"))
    passes(scenario, "03:05")
    assert spare.requests == []


def test_by_letter_it_is_composed_anew(
    scenario: Scenario, pager: Receiver, to: dict[str, str], ada: Actor, settings: Settings
) -> None:
    with mail.post() as post:
        settings.SMTP_URL = f"smtp://127.0.0.1:{post.port}"
        letter = str(addressing.add(ada, "mail", "email", {"to": "ada@example.com"}, at=DAY).row.pk)
        addressing.change(ada, to["pager"], fallback=letter, at=DAY)
        scenario.at("03:00").then("open")
        for _ in range(5):
            Notification.objects.filter(state="due").update(due_at=scenario.now)
            scenario.delivers()
        passes(scenario, "03:02")
        row = Notification.objects.get(destination=letter)
        assert (row.state, row.kind, row.summary) == (
            "sent", "opened", "delivery-tracking opened in orders (3 of 10 instances)",
        )  # fmt: skip
        assert "Firing: delivery-tracking opened in orders (3 of 10 instances)" in msgspec.json.decode(row.body)["text"]
        assert [row.webhook_id in letter["Message-ID"] for letter in post.letters] == [True]
        assert row.created_at - row.stands_in_for.created_at == timedelta(minutes=2)  # type: ignore[union-attr]
