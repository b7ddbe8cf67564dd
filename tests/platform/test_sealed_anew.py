"""`manage.py secrets rotate`: after a new key, nothing needs the old one."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from breakers import keys
from breakers.access import Actor
from breakers.configuring import configure
from breakers.errors import Unreadable
from breakers.management.people import system_actor
from breakers.models import Audit, Service
from breakers.sealing import is_current, place_of, unseal
from breakers.signing import forget_earlier

pytestmark = [pytest.mark.django_db, pytest.mark.storage]
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
OLD, NEW = "o" * 32, "n" * 32


def rotate() -> dict[str, Any]:
    out = StringIO()
    call_command("secrets", "rotate", "--json", stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return told


def opened(column: str) -> str:
    row = Service.objects.get(name="orders")
    return unseal(getattr(row, column), place_of(row, column))


def test_all_that_is_sealed_is_sealed_with_the_new_key(ada: Actor, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = (OLD,)
    first = keys.add_service(ada, "orders", at=NOW, signatures="required").signing_secret
    second = configure(ada, "orders", {"rotate_secret": True}, at=NOW).signing_secret
    keys.add_service(ada, "unsigned", at=NOW)
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    # The two of the service, and the audit trail's own.
    assert rotate() == {"sealed_anew": 3, "unreadable": []}
    assert rotate() == {"sealed_anew": 0, "unreadable": []}
    lines = Audit.objects.filter(verb="secrets.rotate").values_list("actor", "after")
    assert list(lines) == [(system_actor().name, {"sealed_anew": 3, "unreadable": 0})]
    settings.ENCRYPTION_KEYS = (NEW,)
    assert (opened("signing_secret"), opened("earlier_secret")) == (second, first)
    assert is_current(Service.objects.get(name="orders").signing_secret or "")


def test_one_that_can_not_be_read_is_named_and_the_others_are_sealed(ada: Actor, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = ("x" * 32,)
    keys.add_service(ada, "lost", at=NOW, signatures="required")
    settings.ENCRYPTION_KEYS = (OLD,)
    keys.add_service(ada, "orders", at=NOW, signatures="required")
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    told = rotate()
    # Beside the service's, the audit trail's: its first key was lost too, and it got another.
    assert (told["sealed_anew"], len(told["unreadable"])) == (2, 2)
    place = place_of(Service.objects.get(name="lost"), "signing_secret")
    assert told["unreadable"][0].startswith(f"the secret at {place} was sealed with the key ")


def test_an_earlier_secret_is_forgotten_when_its_day_is_over(ada: Actor) -> None:
    keys.add_service(ada, "orders", at=NOW, signatures="required")
    configure(ada, "orders", {"rotate_secret": True}, at=NOW)
    assert forget_earlier(NOW + timedelta(hours=23, minutes=59)) == 0
    assert opened("earlier_secret").startswith("whsec_")
    assert forget_earlier(NOW + timedelta(hours=24)) == 1
    row = Service.objects.get()
    assert (row.earlier_secret, row.earlier_until) == (None, None)
    with pytest.raises(Unreadable):
        unseal(row.signing_secret or "", place_of(row, "earlier_secret"))
