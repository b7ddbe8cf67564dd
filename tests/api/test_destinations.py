"""Destinations and routes by the API: set up, changed, tested, deleted; and what no answer ever holds."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from alerts.destinations import names
from alerts.models import Destination, Route
from breakers.models import Audit
from tests.alerts import receiver as behaviours
from tests.alerts.receiver import Receiver, receiver
from tests.api.conftest import Caller, problem

pytestmark = [
    pytest.mark.storage,
    # Apprise 2.2 looks for the module that it replaces.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OUTSIDE = "https://192.0.32.7/hooks/s3cret-path"


@pytest.fixture
def hook(settings: Settings) -> Iterator[Receiver]:
    """A receiver on this machine, and leave to reach it."""
    settings.ALLOW_PRIVATE_TARGETS = True
    with receiver() as one:
        yield one


def added(ada: Caller, **given: Any) -> Any:
    """A new destination, as its answer tells it."""
    body = {"name": "ops", "kind": "webhook", "config": {"url": OUTSIDE, "secret": SECRET}, **given}
    response = ada.post("/destinations", body)
    assert response.status_code == 201, response.content
    return response.json()


def test_a_destination_and_what_is_read_back(ada: Caller, eve: Caller) -> None:
    told = added(ada)
    assert {name: told[name] for name in ("name", "kind", "source", "config", "enabled", "health", "warnings")} == {
        "name": "ops",
        "kind": "webhook",
        "source": "board",
        "config": {"url": "https://192.0.32.7/•••", "secret": "•••"},
        "enabled": True,
        "health": "ok",
        "warnings": [],
    }
    assert ada.get("/destinations") == {"items": [told], "next": None}
    assert ada.get(f"/destinations/{told['id']}") == told
    row = Destination.objects.get()
    kept = json.dumps([*Destination.objects.values(), *Audit.objects.values()], default=str)
    for secret in ("s3cret", SECRET[6:]):
        assert secret not in kept
    assert row.sealed.startswith("s1.")
    problem(eve.call("GET", "/destinations"), 403)


def test_a_secret_that_is_not_given_is_kept(ada: Caller, hook: Receiver) -> None:
    told = added(ada, config={"url": hook.url, "secret": SECRET})
    address = f"/destinations/{told['id']}"
    ada.call("PATCH", address, {"name": "night"})
    # What was read back and is sent again is no new value.
    ada.call("PATCH", address, {"config": told["config"]})
    assert ada.post(f"{address}/test").json()["sent"] is True
    assert "webhook-signature" in hook.requests[0].headers
    assert hook.requests[0].path == "/hook/s3cret-token"
    changed = ada.call("PATCH", address, {"config": {"secret": None}}).json()
    assert (changed["name"], set(changed["config"])) == ("night", {"url"})
    ada.post(f"{address}/test")
    assert "webhook-signature" not in hook.requests[1].headers
    assert [line["verb"] for line in ada.get("/audit?verb=destination.")["items"]] == [
        "destination.test",
        "destination.change",
        "destination.test",
        "destination.change",
        "destination.change",
        "destination.add",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://localhost/x",
        "http://127.1/x",
        "http://2130706433/x",
        "http://0x7f000001/x",
        "http://0177.0.0.1/x",
        "http://0.0.0.0/x",
        "http://[::1]/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://[::ffff:7f00:1]/x",
        "http://[64:ff9b::7f00:1]/x",
        "http://10.0.0.1/x",
        "http://172.16.0.1:8080/x",
        "http://192.168.1.1/x",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/x",
        "http://[fe80::1]/x",
        "http://127.0.0.1:6379/x",
        "http://ada@127.0.0.1/x",
        "http://１２７.０.０.１/x",
        "http://127.0.0.1./x",
    ],
)
def test_a_private_address_in_any_spelling(ada: Caller, url: str) -> None:
    for kind in ("webhook", "alertmanager"):
        told = problem(ada.post("/destinations", {"name": "in", "kind": kind, "config": {"url": url}}), 422)
        assert (told["code"], told["errors"][0]["code"]) == ("private_address", "private_address")
        assert told["errors"][0]["field"] == "config.url"
    assert Destination.objects.count() == 0
    there = added(ada)
    refused = ada.call("PATCH", f"/destinations/{there['id']}", {"config": {"url": url}})
    assert problem(refused, 422)["code"] == "private_address"
    assert ada.get(f"/destinations/{there['id']}")["config"] == there["config"]


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("webhook", ""),
        ("webhook", "nonsense"),
        ("webhook", "ftp://192.0.32.7/x"),
        ("webhook", "javascript:alert(1)"),
        ("webhook", "https://"),
        ("webhook", "https://ada:pw@192.0.32.7/x"),
        ("webhook", "https://192.0.32.7:22/x"),
        ("webhook", "https://192.0.32.7:99999/x"),
        ("apprise", "slack"),
        ("apprise", "slack://x"),
        ("email", "ops@example.org, eve@example.org"),
        ("push", "http://192.0.32.7/x"),
    ],
)
def test_a_url_that_cant_be(ada: Caller, kind: str, url: str) -> None:
    config = {"to": url} if kind == "email" else {"url": url}
    told = problem(ada.post("/destinations", {"name": "x", "kind": kind, "config": config}), 422)
    assert told["code"] == "bad_url"
    assert "pw" not in told["detail"]
    assert Destination.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"kind": "pigeon"}, "kind"),
        ({"config": {}}, "config.url"),
        ({"config": {"url": OUTSIDE, "secret": "abc"}}, "config.secret"),
        ({"config": {"url": OUTSIDE, "secret": "whsec_!!"}}, "config.secret"),
        ({"config": {"url": OUTSIDE, "proxy": "x"}}, "config.proxy"),
        ({"config": {"url": 5}}, "config.url"),
        ({"config": {"url": "https://192.0.32.7/" + "x" * 2000}}, "config.url"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_destination_that_cant_be(ada: Caller, body: Any, field: str) -> None:
    given = {"name": "ops", "kind": "webhook", "config": {"url": OUTSIDE}, **body}
    assert [error["field"] for error in problem(ada.post("/destinations", given), 422)["errors"]] == [field]
    assert Destination.objects.count() == 0


def test_a_name_that_does_not_resolve_is_taken_with_a_warning(ada: Caller) -> None:
    told = added(ada, config={"url": "https://nowhere.invalid/x"})
    assert [warning.partition(":")[0] for warning in told["warnings"]] == ["the name does not resolve"]
    assert ada.get(f"/destinations/{told['id']}")["warnings"] == []


def test_what_needs_a_host_of_its_own_comes_from_the_environment(ada: Caller, settings: Settings) -> None:
    def tried(url: str) -> Any:
        return ada.post("/destinations", {"name": url[:8], "kind": "apprise", "config": {"url": url}})

    assert problem(tried("json://hooks.example.com/x"), 422)["code"] == "private_address"
    assert problem(tried("syslog://"), 422)["code"] == "private_address"
    told = tried("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ").json()
    assert told["config"] == {"url": "slack://…/•••"}
    settings.ALLOW_PRIVATE_TARGETS = True
    assert tried("json://127.0.0.1/x").status_code == 201
    assert problem(tried("json://169.254.169.254/x"), 422)["code"] == "private_address"
    assert problem(tried("syslog://"), 422)["code"] == "private_address"


def test_the_guard_looks_again_at_every_try(ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """At set-up the name was outside; when it is used it points inside."""
    answers = [["192.0.32.7"], ["127.0.0.1"]]
    monkeypatch.setattr(names, "resolve", lambda host, port, timeout=3.0: answers.pop(0))
    told = added(ada, config={"url": "https://rebinds.example/x"})
    tested = ada.post(f"/destinations/{told['id']}/test").json()
    assert (tested["sent"], tested["outcome"], tested["error"]) == (
        False,
        "forbidden",
        "the address 127.0.0.1 is private: it must not be reached",
    )


@pytest.mark.parametrize(
    ("behaviour", "outcome", "status", "error"),
    [
        (behaviours.answers(204), "accepted", 204, ""),
        (behaviours.answers(500, b"oops"), "refused", 500, "answered 500"),
        (behaviours.answers(302, headers="Location: http://127.0.0.1:1/\r\n"), "refused", 302, "answered 302"),
        (behaviours.closes, "unanswered", None, "what came back is no HTTP answer"),
        (behaviours.babbles, "unanswered", None, "what came back is no HTTP answer"),
    ],
    ids=["good", "refused", "redirected", "hung up", "babble"],
)
def test_a_test_says_how_it_went(
    ada: Caller, hook: Receiver, behaviour: Any, outcome: str, status: int | None, error: str
) -> None:
    hook.then = behaviour
    told = added(ada, config={"url": hook.url})
    tested = ada.post(f"/destinations/{told['id']}/test").json()
    assert (tested["outcome"], tested["status_code"], tested["error"]) == (outcome, status, error)
    assert tested["address"] == "127.0.0.1"
    body = json.loads(hook.requests[0].body)
    assert (body["type"], body["kind"], body["alert"]["service"]) == ("alert.firing", "test", "breakerboard")


def test_names_are_taken_once_and_free_again(ada: Caller) -> None:
    first = added(ada)
    again = {"name": "ops", "kind": "webhook", "config": {"url": OUTSIDE}}
    assert "'ops' already" in problem(ada.post("/destinations", again), 409)["detail"]
    assert ada.call("DELETE", f"/destinations/{first['id']}").status_code == 204
    problem(ada.call("DELETE", f"/destinations/{first['id']}"), 404)
    assert Destination.objects.get().sealed == "", "its secrets went with it"
    assert added(ada)["id"] != first["id"]
    assert [each["name"] for each in ada.get("/destinations")["items"]] == ["ops"]


def test_the_environments_are_read_only(ada: Caller, settings: Settings) -> None:
    from datetime import UTC, datetime

    from alerts.destinations import environment

    settings.ALERT_URLS = ("https://hooks.example.com/s3cret",)
    [row] = environment.sync(datetime.now(UTC))
    [told] = ada.get("/destinations")["items"]
    assert (told["source"], told["config"]) == ("environment", {"url": "https://hooks.example.com/•••"})
    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        assert "ALERT_URLS" in problem(ada.call(method, f"/destinations/{row.pk}", body), 409)["detail"]


def test_destinations_by_pages(ada: Caller) -> None:
    for number in range(5):
        added(ada, name=f"d{number}")
    first = ada.get("/destinations?limit=3")
    rest = ada.get(f"/destinations?limit=3&cursor={first['next']}")
    assert [each["name"] for each in first["items"] + rest["items"]] == [f"d{number}" for number in range(5)]
    assert rest["next"] is None
    problem(ada.call("GET", "/destinations?cursor=x"), 422)


@pytest.mark.parametrize("spelling", ["x", "{id}x", "{upper}", "{hex}", "%00"])
def test_an_unknown_id_in_any_spelling(ada: Caller, spelling: str) -> None:
    told = added(ada)
    text = spelling.format(id=told["id"], upper="A" + told["id"].upper()[1:], hex=told["id"].replace("-", ""))
    problem(ada.call("GET", f"/destinations/{text}"), 404)
    problem(ada.call("PATCH", f"/destinations/{text}", {"name": "y"}), 404)


def test_a_route_and_its_change(ada: Caller) -> None:
    ops, lead = added(ada), added(ada, name="lead")
    body = {
        "name": "payments",
        "matchers": {"service": "pay*", "labels": {"team": "payments"}},
        "destinations": [ops["id"]],
        "hours": {"days": ["fri", "mon"], "from": "08:00", "to": "18:00", "timezone": "Europe/Berlin"},
        "always": ["critical"],
        "steps": [{"after_s": 300, "destinations": [lead["id"]]}],
    }
    response = ada.post("/routes", body)
    assert response.status_code == 201, response.content
    told = response.json()
    assert told["hours"]["days"] == ["mon", "fri"]
    assert told["repeat_s"] == [900, 3600, 14400]
    assert {**told, **body, "hours": told["hours"]} == told
    address = f"/routes/{told['id']}"
    changed = ada.call("PATCH", address, {"repeat_s": [], "hours": None}).json()
    assert (changed["repeat_s"], changed["hours"], changed["matchers"]) == ([], None, body["matchers"])
    assert ada.get("/routes") == {"items": [changed], "next": None}
    # A destination that goes leaves no route that leads to it.
    ada.call("DELETE", f"/destinations/{lead['id']}")
    assert ada.get(address)["steps"] == []
    assert ada.call("DELETE", address).status_code == 204
    assert Route.objects.count() == 0


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"destinations": ["x"]}, "destinations"),
        ({"matchers": {"colour": "red"}}, "matchers.colour"),
        ({"matchers": {"service": ""}}, "matchers.service"),
        ({"matchers": {"labels": "x"}}, "matchers.labels"),
        ({"hours": {"from": "8"}}, "hours.from"),
        ({"hours": {"days": ["someday"]}}, "hours.days"),
        ({"hours": {"days": []}}, "hours.days"),
        ({"hours": {"timezone": "Mars/Phobos"}}, "hours.timezone"),
        ({"hours": {"timezone": "../../etc/passwd"}}, "hours.timezone"),
        ({"always": ["loud"]}, "always"),
        ({"steps": [{"after_s": 5, "destinations": []}]}, "steps.0.destinations"),
        ({"steps": [{"after_s": -5, "destinations": []}]}, "steps.0.destinations"),
        ({"repeat_s": [1]}, "repeat_s"),
        ({"enabled": "yes"}, "enabled"),
    ],
)
def test_a_route_that_cant_be(ada: Caller, given: Any, field: str) -> None:
    to = added(ada)["id"]
    body = {"name": "r", "destinations": [to], **given}
    assert [error["field"] for error in problem(ada.post("/routes", body), 422)["errors"]] == [field]
    assert Route.objects.count() == 0


def test_a_secret_does_not_go_along_to_another_address(ada: Caller) -> None:
    config = {"url": "https://192.0.32.7/", "secret": "s3cret"}
    made = ada.post("/destinations", {"name": "am", "kind": "alertmanager", "config": config}).json()
    place = f"/destinations/{made['id']}"
    assert ada.call("PATCH", place, {"config": {"url": "https://192.0.32.7/behind/a/path"}}).status_code == 200
    for url in ("https://192.0.32.8/", "http://192.0.32.7/", "https://192.0.32.7:8443/"):
        told = problem(ada.call("PATCH", place, {"config": {"url": url}}), 422)
        assert told["errors"][0]["field"] == "config.secret"
        kept = {"url": url, "secret": made["config"]["secret"]}
        told = problem(ada.call("PATCH", place, {"config": kept}), 422)
        assert told["errors"][0]["field"] == "config.secret"
    for url in ("https://[", "https://", "nonsense"):
        assert problem(ada.call("PATCH", place, {"config": {"url": url}}), 422)["code"] == "bad_url"
    moved = {"config": {"url": "https://192.0.32.8/", "secret": "another"}}
    assert ada.call("PATCH", place, moved).status_code == 200
    assert ada.call("PATCH", place, {"config": {"url": "https://192.0.32.9/", "secret": None}}).status_code == 200


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"to": "ops@example.org", "sender": "b@example.org\r\nBcc: eve@example.org"}, "config.sender"),
        ({"to": "ops@example.org", "sender": "Büro <b@example.org>"}, "config.sender"),
        ({"to": "öps@example.org"}, "config.to"),
        ({"to": "ops@example.org", "server": "smtp://mail.invalid:6379"}, "config.server"),
        ({"to": "ops@example.org", "server": "smtp://192.0.32.7:6379"}, "config.server"),
    ],
)
def test_mail_that_could_not_go_or_goes_elsewhere(ada: Caller, config: dict[str, str], field: str) -> None:
    told = problem(ada.post("/destinations", {"name": "mail", "kind": "email", "config": config}), 422)
    assert [each["field"] for each in told["errors"]] == [field]
    assert Destination.objects.count() == 0
