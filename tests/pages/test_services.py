"""The services page: admins set services up; a secret is shown once, and nobody else gets in."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from breakers import keys
from breakers.access import BOARD
from breakers.models import Audit, IngestKey, Service
from breakers.reaching import reach

SignIn = Callable[[str], Client]
HOSTILE = "a/<img src=x onerror=alert(1)>\"'&{{7*7}}?#%"


@pytest.fixture
def orders(db: None) -> str:
    keys.add_service(BOARD, "orders", at=datetime.now(UTC))
    return "/services/orders/"


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def does(client: Client, path: str, do: str, **fields: str) -> str:
    """What the page says after a form was sent."""
    answer = client.post(path, {"do": do, **fields}, follow=True)
    assert answer.status_code in {200, 201}, answer.content
    return str(answer.content.decode())


def notices(text: str) -> list[str]:
    return re.findall(r'<p class="notice \w+" role="status">(.*?)</p>', text)


def verbs() -> list[str]:
    return list(Audit.objects.order_by("id").values_list("verb", flat=True))


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_admins_get_in(signed_in: SignIn, orders: str, role: str) -> None:
    client = signed_in(role)
    before = verbs()
    for answer in (
        client.get("/services/"),
        client.get(orders),
        client.post("/services/", {"name": "mine"}),
        client.post(orders, {"do": "key"}),
        client.post(orders, {"do": "pause", "paused": "1"}),
    ):
        assert answer.status_code == 403
        assert f"Services are set up by admins; you are {role}. Nothing was done." in answer.content.decode()
    assert (Service.objects.get().paused, IngestKey.objects.count(), verbs()) == (False, 1, [*before, "role.refused"])
    assert "/services/" not in page(client, "/")
    assert Client().get("/services/").status_code == 302


def test_a_form_without_its_token_does_nothing(signed_in: SignIn, orders: str) -> None:
    ada = signed_in("admin")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = ada.cookies
    assert strict.post(orders, {"do": "pause", "paused": "1"}).status_code == 403
    assert not Service.objects.get().paused
    assert ada.post(orders, {"do": "pause", "paused": "1"}).status_code == 302
    assert Service.objects.get().paused


def test_a_service_is_added_and_its_secrets_are_shown_once(signed_in: SignIn) -> None:
    ada = signed_in("admin")
    assert "No service yet" in page(ada, "/services/")
    answer = ada.post("/services/", {"name": " search ", "signatures": "required"})
    assert (answer.status_code, answer["cache-control"]) == (201, "no-store")
    shown = re.findall(r"<code class=\"wrap\">(.*?)</code>", answer.content.decode())
    assert [secret[:4] for secret in shown] == ["bbk_", "whse"]
    assert keys.check_key(shown[0], datetime.now(UTC)) is not None
    for path in ("/services/", "/services/search/", "/audit/"):
        text = page(ada, path)
        assert not [secret for secret in shown if secret in text]
    assert 'href="/services/search/"' in page(ada, "/services/")
    again = ada.post("/services/", {"name": "search"})
    assert notices(again.content.decode()) == ["there is a service &#x27;search&#x27; already."]
    assert 'value="search"' in again.content.decode(), "what was typed stays"
    assert Service.objects.count() == 1


def test_keys_are_made_and_revoked(signed_in: SignIn, orders: str) -> None:
    ada = signed_in("admin")
    [first] = IngestKey.objects.values_list("key_id", flat=True)
    secret = re.findall(r"<code class=\"wrap\">(bbk_.*?)</code>", does(ada, orders, "key", label="green"))[0]
    assert keys.check_key(secret, datetime.now(UTC)) is not None
    assert notices(does(ada, orders, "revoke", key=first)) == [f"Key {first} is refused within 10 s."]
    text = page(ada, orders)
    assert re.findall(r"<code>bbk_(\w+)…</code>", text) == [secret[4:12], first]
    assert text.count('value="revoke"') == 1
    for _ in range(9):
        does(ada, orders, "key")
    assert "10 live keys are the most" in page(ada, orders)
    assert notices(does(ada, orders, "key")) == ["service &#x27;orders&#x27; has 10 live keys; revoke one first."]


def test_signatures_limits_redaction_and_the_pause(signed_in: SignIn, orders: str) -> None:
    ada = signed_in("admin")
    assert "whsec_" in does(ada, orders, "signatures", signatures="optional")
    assert notices(does(ada, orders, "signatures", signatures="required")) == ["Posts that are not signed are refused."]
    assert "whsec_" in does(ada, orders, "rotate")
    assert "The secret before the present one is taken until" in page(ada, orders)
    assert notices(does(ada, orders, "limits", events_per_s="1,500", breakers="")) == ["The limits hold within 5 s."]
    assert Service.objects.get().limits == {"events_per_s": 1_500}
    assert 'name="events_per_s" value="1500"' in page(ada, orders)
    wrong = does(ada, orders, "limits", events_per_s="many", depth="99")
    assert notices(wrong) == [
        "&#x27;events_per_s&#x27; is many; expected a whole number from 1 to 1,000,000; "
        "&#x27;depth&#x27; is 99; expected a whole number from 3 to 32."
    ]
    assert 'name="events_per_s" value="many"' in wrong, "what was typed stays"
    does(ada, orders, "redaction", on="on", patterns="kd-\\d{1,8}\n\n hidden ")
    assert Service.objects.get().redaction == {"patterns": ["kd-\\d{1,8}", "hidden"], "no_messages": True}
    wrong = does(ada, orders, "redaction", on="on", patterns="(?<=x)y")
    assert "is no regular expression (RE2)" in notices(wrong)[0]
    assert "(?&lt;=x)y</textarea>" in wrong
    assert notices(does(ada, orders, "pause", paused="1")) == ["Paused: what it posts is refused."]
    assert "Resume</button>" in page(ada, orders)
    assert verbs()[2:] == [
        "service.signatures", "service.signatures", "service.rotate_secret", "service.limits", "service.redaction",
        "service.pause",
    ]  # fmt: skip


def test_a_limit_that_was_reached_stands_at_the_top(signed_in: SignIn, orders: str) -> None:
    at = datetime.now(UTC) - timedelta(minutes=2)
    reach(Service.objects.get().pk, "events", 1_234, "the service posts more than <b>", at)
    ada = signed_in("admin")
    assert "ran into its limit of events" in page(ada, "/services/")
    text = page(ada, orders)
    assert "refused 1,234 times since" in text
    assert "the service posts more than &lt;b&gt;" in text


def test_a_hostile_name_is_a_text(signed_in: SignIn) -> None:
    ada = signed_in("admin")
    keys.add_service(BOARD, HOSTILE, at=datetime.now(UTC))
    address = reverse("service", args=[HOSTILE])
    for path in ("/services/", address):
        text = page(ada, path)
        assert "<img" not in text
        assert "{{7*7}}" in text
    does(ada, address, "pause", paused="1")
    assert Service.objects.get(name=HOSTILE).paused


@pytest.mark.parametrize("path", ["/services/nobody/", "/services/%00/", "/services/?cursor=%F0%9F%92%A9"])
def test_what_is_not_there(signed_in: SignIn, orders: str, path: str) -> None:
    ada = signed_in("admin")
    assert ada.get(path).status_code == 404
    if "cursor" not in path:
        assert ada.post(path, {"do": "key"}).status_code == 404
    assert ada.post(orders, {"do": "nothing"}).status_code == 404
