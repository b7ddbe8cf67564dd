"""Connecting a service: a key that is shown once, a snippet that works as it is copied, and the steps of its arrival."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from breakers import key_uses, keys
from breakers.access import BOARD
from breakers.domain.checking import check
from breakers.models import Audit, IngestKey, Refusal, Service
from breakers.models.fields import to_us
from breakers.models.source import NOBODY
from breakers.recording import record
from breakers.submissions import Submission
from dashboard.pages.snippets import LIBRARIES, snippet

SignIn = Callable[[str], Client]
STEPS = ["reached", "key", "format", "breaker", "heartbeat", "commands"]


def lit(client: Client, query: str) -> list[str]:
    told = json.loads(client.get(f"/connect.json?{query}").content)
    assert [step["name"] for step in told["steps"]] == STEPS
    return [step["name"] for step in told["steps"] if step["at"]]


def post(service: str, **event: Any) -> None:
    now = datetime.now(UTC)
    batch = check([event], to_us(now))
    record([Submission(Service.objects.get(name=service).pk, batch.reports, batch.refusals)], now)


def test_an_admin_makes_a_key_and_sees_it_once(signed_in: SignIn, db: None) -> None:
    ada = signed_in("admin")
    page = unescape(ada.post("/connect/", {"service": "checkout", "library": "http"}).content.decode())
    [key] = set(re.findall(r"bbk_\w+", page))
    owner = keys.check_key(key, datetime.now(UTC))
    assert owner is not None
    assert owner.service_id == Service.objects.get(name="checkout").pk
    assert f'-H "Authorization: Bearer {key}"' in page
    assert sorted(Audit.objects.values_list("verb", flat=True)) == ["key.add", "service.add"]
    again = ada.get("/connect/?service=checkout").content.decode()
    assert "bbk_" not in again
    # Once more is one more key.
    ada.post("/connect/", {"service": "checkout", "library": "http"})
    assert IngestKey.objects.filter(service__name="checkout", revoked_at=None).count() == 2


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_others_read_how_and_make_none(role: str, signed_in: SignIn, db: None) -> None:
    client = signed_in(role)
    page = client.get("/connect/").content.decode()
    assert "manage.py service add" in page
    assert client.post("/connect/", {"service": "checkout", "library": "http"}).status_code == 403
    assert (Service.objects.count(), IngestKey.objects.count()) == (0, 0)


def test_what_is_wrong_with_a_name_is_said(signed_in: SignIn, db: None) -> None:
    ada = signed_in("admin")
    answer = ada.post("/connect/", {"service": "a\nb", "library": "http"})
    assert (answer.status_code, Service.objects.count()) == (422, 0)
    assert "control characters" in answer.content.decode()
    assert ada.get("/connect/?service=nobody").status_code == 404
    assert ada.get("/connect.json?service=nobody").status_code == 404
    assert ada.get("/connect.json").status_code == 404


def test_the_steps_light_up_as_it_arrives(signed_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_uses, "_noted", {})
    eve = signed_in("viewer")
    key = keys.add_service(BOARD, "checkout", at=datetime.now(UTC)).key
    assert key
    watched = f"service=checkout&since={(datetime.now(UTC) - timedelta(minutes=1)).isoformat().replace('+', '%2B')}"
    assert lit(eve, watched) == []
    keys.check_key(key, datetime.now(UTC))
    key_uses.write_down()
    assert lit(eve, watched) == ["reached", "key"]
    post("checkout", type="failure", breaker="payments")
    assert lit(eve, watched) == ["reached", "key", "format", "breaker"]
    post("checkout", type="heartbeat", breaker="payments", state="closed", interval_s=30)
    assert lit(eve, watched) == ["reached", "key", "format", "breaker", "heartbeat"]
    post("checkout", type="heartbeat", breaker="payments", state="closed", commands=["reset", "probe"])
    assert lit(eve, watched) == STEPS
    page = eve.get(f"/connect/?{watched}").content.decode()
    assert "takes probe, reset" in page
    assert "every 30 s at least" in page
    # What came before it was watched lights nothing up.
    later = (datetime.now(UTC) + timedelta(seconds=1)).isoformat().replace("+", "%2B")
    assert lit(eve, f"service=checkout&since={later}") == []


def test_refused_tries_stand_there_with_their_reason(signed_in: SignIn, db: None) -> None:
    eve = signed_in("viewer")
    keys.add_service(BOARD, "checkout", at=datetime.now(UTC))
    keys.add_service(BOARD, "other", at=datetime.now(UTC))
    now = datetime.now(UTC)
    watched = f"service=checkout&since={(now - timedelta(minutes=1)).isoformat().replace('+', '%2B')}"

    def refuse(service: int, status: int, detail: str, ago: int = 0) -> None:
        at = now - timedelta(seconds=ago)
        Refusal.objects.create(service_id=service, at=at, status=status, code=str(status), detail=detail)

    refuse(NOBODY, 401, "the ingest key is unknown or revoked", ago=20)
    refuse(Service.objects.get(name="other").pk, 422, "not of this service")
    assert lit(eve, watched) == ["reached"]
    refuse(Service.objects.get(name="checkout").pk, 422, "event 0: unknown type <b>")
    refuse(Service.objects.get(name="checkout").pk, 422, "long ago", ago=600)
    assert lit(eve, watched) == ["reached", "key"]
    told = json.loads(eve.get(f"/connect.json?{watched}").content)["refused"]
    assert [(each["status"], each["detail"], each["own"]) for each in told] == [
        (422, "event 0: unknown type <b>", True), (401, "the ingest key is unknown or revoked", False),
    ]  # fmt: skip
    page = eve.get(f"/connect/?{watched}").content.decode()
    assert "event 0: unknown type &lt;b&gt;" in page
    assert "what it sent was refused" in page


@pytest.mark.parametrize("library", [each.name for each in LIBRARIES])
def test_every_library_has_its_snippet_with_address_and_key(library: str, signed_in: SignIn, db: None) -> None:
    page = unescape(signed_in("viewer").get(f"/connect/?library={library}").content.decode())
    assert f'href="?library={library}" aria-current="true"' in page
    assert "BREAKERBOARD_KEY" in page
    chosen = next(each for each in LIBRARIES if each.name == library)
    filled = snippet(chosen, "https://board.example.com", "bbk_x")
    assert "https://board.example.com" in filled
    assert "bbk_x" in filled
    assert "BREAKERBOARD_KEY" not in filled


def test_the_python_snippet_is_python() -> None:
    chosen = next(each for each in LIBRARIES if each.name == "pybreaker")
    for key in ("bbk_x", None):
        compile(snippet(chosen, 'https://board.example.com/"x"', key), "snippet", "exec")


def test_the_words_of_the_trade_are_explained(signed_in: SignIn, db: None) -> None:
    page = signed_in("viewer").get("/connect/").content.decode()
    targets = re.findall(r'popovertarget="([\w-]+)"', page)
    assert targets == ["gloss-closed", "gloss-open", "gloss-half-open", "gloss-probe", "gloss-fallback"]
    assert [target for target in targets if f'id="{target}" popover' in page] == targets
