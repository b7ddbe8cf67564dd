"""Keys and tokens: shown once, safe to repeat, found or not in the same time."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from breakers import access_trail, bulk, key_uses, keys
from breakers.access import Actor, Role
from breakers.configuring import configure
from breakers.domain.keeping import EVERYTHING
from breakers.domain.limits import DEFAULTS
from breakers.errors import Conflict, Invalid, NotAllowed, NotFound, StoreUnavailable
from breakers.management.people import system_actor
from breakers.models import ApiToken, Audit, IngestKey, Service
from breakers.signals import access_changed
from tests.board import ROOT

pytestmark = [pytest.mark.django_db, pytest.mark.storage]
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_noted_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_uses, "_noted", {})


def command(*words: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*words, "--json", stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return told


def test_a_service_gets_its_key_once(ada: Actor) -> None:
    service, key, created, _ = keys.add_service(ada, "orders", at=NOW)
    assert created
    assert key is not None
    assert re.fullmatch(r"bbk_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}", key)
    assert keys.check_key(key, NOW) == (service.pk, key.split("_")[1], False, None, DEFAULTS, EVERYTHING)
    assert keys.add_service(ada, "orders", at=NOW) == (service, None, False, None)
    second = keys.add_service(ada, "orders", at=NOW, new_key=True).key
    assert second not in {None, key}
    assert keys.check_key(key, NOW) is not None


def test_the_key_itself_is_nowhere_in_the_database(ada: Actor) -> None:
    key = keys.add_service(ada, "orders", at=NOW).key
    assert key is not None
    secret = key[13:]
    for model in (Service, IngestKey, Audit):
        assert secret not in str(list(model.objects.values()))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: "",
        lambda key: key[:-1],
        lambda key: key + "0",
        lambda key: key.replace("bbk_", "bbt_"),
        lambda key: key[:20] + ("a" if key[20] != "a" else "b") + key[21:],
        lambda key: key + "\n",
        lambda key: "bbk_" + "é" * 58,
        lambda key: "bbk_\x00",
    ],
)
def test_a_misspelt_key_costs_no_query(ada: Actor, spoil: Any, django_assert_num_queries: Any) -> None:
    key = keys.add_service(ada, "orders", at=NOW).key
    with django_assert_num_queries(0):
        assert keys.check_key(spoil(key), NOW) is None


def test_a_well_spelt_stranger_is_refused(ada: Actor) -> None:
    known = keys.add_service(ada, "orders", at=NOW).key
    assert known is not None
    _, stranger, _ = keys._new_secret("bbk")
    assert keys.check_key(stranger, NOW) is None
    body = known[:13] + stranger[13:-6]
    assert keys.check_key(body + keys._checksum(body), NOW) is None


def test_a_revoked_key_and_a_paused_service(ada: Actor) -> None:
    key = keys.add_service(ada, "orders", at=NOW).key
    assert key is not None
    configure(ada, "orders", {"paused": True}, at=NOW)
    assert keys.check_key(key, NOW).paused
    configure(ada, "orders", {"paused": False}, at=NOW)
    assert not keys.check_key(key, NOW).paused
    keys.revoke_key(ada, "orders", key.split("_")[1], at=NOW)
    keys.revoke_key(ada, "orders", key.split("_")[1], at=NOW + timedelta(minutes=1))
    assert keys.check_key(key, NOW) is None
    assert IngestKey.objects.get().revoked_at == NOW
    assert list(Audit.objects.order_by("id").values_list("verb", flat=True)) == [
        "service.add",
        "key.add",
        "service.pause",
        "service.resume",
        "key.revoke",
    ]


def test_at_most_ten_live_keys(ada: Actor) -> None:
    keys.add_service(ada, "orders", at=NOW)
    rows = [keys.add_key(ada, "orders", at=NOW).row for _ in range(9)]
    with pytest.raises(Conflict, match="10 live keys"):
        keys.add_key(ada, "orders", at=NOW)
    keys.revoke_key(ada, "orders", rows[0].key_id, at=NOW)
    keys.add_key(ada, "orders", at=NOW)


def test_use_is_noted_at_most_once_a_minute(ada: Actor) -> None:
    key = keys.add_service(ada, "orders", at=NOW).key
    assert key is not None
    for seconds, noted, written in ((0, 0, 1), (59, 0, 0), (61, 61, 1)):
        keys.check_key(key, NOW + timedelta(seconds=seconds))
        assert key_uses.write_down() == written
        assert IngestKey.objects.get().last_used_at == NOW + timedelta(seconds=noted)


def test_who_checks_a_key_writes_nothing(ada: Actor, django_assert_num_queries: Any) -> None:
    key = keys.add_service(ada, "orders", at=NOW).key
    assert key is not None
    with django_assert_num_queries(1) as asked:
        assert keys.check_key(key, NOW) is not None
    assert [query["sql"][:6] for query in asked.captured_queries] == ["SELECT"]


def test_where_it_can_not_be_written_the_next_use_counts(ada: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.add_service(ada, "orders", at=NOW).key
    assert key is not None

    @contextmanager
    def locked() -> Iterator[None]:
        raise StoreUnavailable("the database is locked")
        yield

    keys.check_key(key, NOW)
    with monkeypatch.context() as patched:
        patched.setattr(bulk, "writing", locked)
        with pytest.raises(StoreUnavailable):
            key_uses.write_down()
    assert (key_uses.write_down(), IngestKey.objects.get().last_used_at) == (0, None)
    keys.check_key(key, NOW + timedelta(seconds=5))
    assert (key_uses.write_down(), IngestKey.objects.get().last_used_at) == (1, NOW + timedelta(seconds=5))


def test_a_token_is_an_actor(ada: Actor) -> None:
    row, token = keys.add_token(ada, "deploys", Role.OPERATOR, at=NOW)
    assert token is not None
    assert keys.check_token(token, NOW) == Actor("deploys", Role.OPERATOR, token_id=row.pk)
    assert keys.check_key(token, NOW) is None
    assert keys.add_token(ada, "deploys", Role.OPERATOR, at=NOW) == (row, None)
    with pytest.raises(Conflict, match="token 'deploys' is operator"):
        keys.add_token(ada, "deploys", Role.ADMIN, at=NOW)


def test_a_replaced_or_revoked_token_is_over_and_its_sockets_hear_of_it(
    ada: Actor, django_capture_on_commit_callbacks: Any
) -> None:
    heard = []

    def hear(sender: Any, **fact: Any) -> None:
        heard.append((fact["token_id"], fact["reason"]))

    access_changed.connect(hear)
    try:
        row, old = keys.add_token(ada, "deploys", Role.OPERATOR, at=NOW)
        with django_capture_on_commit_callbacks(execute=True):
            _, new = keys.add_token(ada, "deploys", Role.VIEWER, at=NOW, replace=True)
            assert heard == []
        assert old is not None
        assert new is not None
        assert keys.check_token(old, NOW) is None
        assert keys.check_token(new, NOW).role is Role.VIEWER
        with django_capture_on_commit_callbacks(execute=True):
            keys.revoke_token(ada, "deploys", at=NOW)
        assert keys.check_token(new, NOW) is None
        assert heard == [(row.pk, "replaced"), (row.pk, "revoked")]
    finally:
        access_changed.disconnect(hear)


@pytest.mark.parametrize(
    "order",
    [
        lambda who: keys.add_service(who, "orders", at=NOW),
        lambda who: keys.add_key(who, "orders", at=NOW),
        lambda who: keys.revoke_key(who, "orders", "x", at=NOW),
        lambda who: configure(who, "orders", {"paused": True}, at=NOW),
        lambda who: keys.add_token(who, "t", Role.VIEWER, at=NOW),
        lambda who: keys.revoke_token(who, "t", at=NOW),
    ],
)
def test_only_an_admin_may(grace: Actor, order: Any) -> None:
    with pytest.raises(NotAllowed, match="grace is operator"):
        order(grace)
    assert not Audit.objects.exists()


def test_what_is_not_there_is_named(ada: Actor) -> None:
    with pytest.raises(NotFound, match="there is no service 'orders'"):
        keys.add_key(ada, "orders", at=NOW)
    with pytest.raises(NotFound, match="there is no token 'deploys'"):
        keys.revoke_token(ada, "deploys", at=NOW)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\x00b", "a\nb", "\x1b[31m"])
def test_names_that_can_not_be_taken(ada: Actor, name: str) -> None:
    with pytest.raises(Invalid):
        keys.add_service(ada, name, at=NOW)
    with pytest.raises(Invalid):
        keys.add_token(ada, name, Role.VIEWER, at=NOW)


def test_the_service_command_can_be_repeated() -> None:
    first = command("service", "add", "orders")
    assert first["service"] == "orders"
    assert keys.check_key(first["key"], NOW) is not None
    assert command("service", "add", "orders") == {"service": "orders", "key": None}
    assert command("service", "add", "orders", "--new-key")["key"].startswith("bbk_")
    assert Service.objects.count() == 1
    assert IngestKey.objects.count() == 2


def test_the_token_command_can_be_repeated() -> None:
    first = command("token", "add", "ci", "--role", "admin")
    assert (first["name"], first["role"]) == ("ci", "admin")
    assert keys.check_token(first["token"], NOW).role is Role.ADMIN
    assert command("token", "add", "ci", "--role", "admin") == {"name": "ci", "role": "admin", "token": None}
    second = command("token", "add", "ci", "--role", "admin", "--replace")
    assert keys.check_token(first["token"], NOW) is None
    assert keys.check_token(second["token"], NOW) is not None
    assert ApiToken.objects.count() == 1


def test_a_command_that_can_not_be_done_says_why() -> None:
    command("token", "add", "ci", "--role", "viewer")
    with pytest.raises(CommandError, match="token 'ci' is viewer"):
        command("token", "add", "ci", "--role", "admin")


def test_a_service_is_set_up_by_hand() -> None:
    made = command("service", "add", "orders", "--signatures", "required")
    assert set(made) == {"service", "key", "signing_secret"}
    assert made["signing_secret"].startswith("whsec_")
    assert command("service", "add", "orders", "--signatures", "required")["signing_secret"] is None
    rotated = command(
        "service", "set", "orders", "--rotate-secret", "--limit", "events_per_s=5", "--limit", "breakers=7"
    )
    assert rotated["signing_secret"] not in {None, made["signing_secret"]}
    assert command("service", "set", "orders", "--pause", "--limit", "breakers=") == {
        "service": "orders",
        "signing_secret": None,
    }
    row = Service.objects.get()
    assert (row.signatures, row.paused, row.limits) == ("required", True, {"events_per_s": 5})
    for words, sentence in (
        (("orders",), "nothing is named that could be set"),
        (("nobody", "--pause"), "there is no service 'nobody'"),
        (("orders", "--limit", "events_per_s=0"), "expected a whole number from 1 to 1,000,000"),
        (("orders", "--limit", "events_per_s=many"), "'many' is no whole number"),
        (("orders", "--limit", "colour=5"), "there is no limit 'colour'"),
    ):
        with pytest.raises(CommandError, match=sentence):
            command("service", "set", *words)


def manage(data_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`manage.py` on a directory of its own."""
    own = {
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
        "DATA_DIR": str(data_dir),
        "DATABASE_URL": "",
        "BREAKERBOARD_KEY": "",
    }
    return subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env={**os.environ, **own}, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "words",
    [
        "service add orders",
        "token add ops --role viewer",
        "user add ada --role admin",
        "store show",
        "secrets rotate",
        "simulate --duration 1",
    ],
)
def test_a_command_without_tables_says_what_makes_them(words: str, tmp_path: Path) -> None:
    done = manage(tmp_path, *words.split())
    told = f"the database {tmp_path}/breakerboard.sqlite3 is empty; start the board with `make run`, then do this again"
    assert (done.returncode, done.stderr) == (1, f"CommandError: {told}\n")


def test_a_command_leaves_the_tables_of_an_earlier_version_alone(tmp_path: Path) -> None:
    assert manage(tmp_path, "migrate", "breakers", "0001").returncode == 0
    done = manage(tmp_path, "service", "add", "orders")
    told = f"the database {tmp_path}/breakerboard.sqlite3 has the tables of an earlier version"
    assert (done.returncode, done.stderr) == (
        1,
        f"CommandError: {told}; start the board with `make run`, then do this again\n",
    )


def test_a_key_or_token_from_a_new_address_is_on_record_and_counted_where_it_repeats(ada: Actor) -> None:
    key_uses.forget_all()
    key = keys.add_service(ada, "orders", at=NOW).key
    token = keys.add_token(ada, "deploys", Role.VIEWER, at=NOW).token
    assert key is not None
    assert token is not None
    before = Audit.objects.count()
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"):
        keys.check_key(key, NOW, address)
    keys.check_token(token, NOW, "2001:db8::1")
    keys.check_token(token, NOW, "2001:db8::2")
    key_uses.write_down()
    found = [(row.verb, row.actor, row.address, row.target_name) for row in Audit.objects.order_by("id")[before:]]
    assert found == [
        ("key.new_address", f"key {key.split('_')[1]}", "192.0.2.1", "orders"),
        ("token.new_address", f"token {token.split('_')[1]}", "2001:db8::1", "deploys"),
    ]
    access_trail.sweep(NOW + timedelta(hours=1))
    assert Audit.objects.order_by("-id")[0].after["times"] == 2
    # Known addresses are no news, to a process that has just started neither.
    count = Audit.objects.count()
    key_uses.forget_all()
    keys.check_key(key, NOW, "192.0.2.2")
    key_uses.write_down()
    assert Audit.objects.count() == count


def test_what_is_done_at_the_command_line_names_the_systems_user() -> None:
    command("service", "add", "orders")
    [row] = Audit.objects.filter(verb="service.add")
    assert row.actor == system_actor().name
    assert row.actor.endswith(" (command line)")
    assert row.address == system_actor().address != ""
