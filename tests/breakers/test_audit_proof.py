"""The audit trail: it only grows, and whoever changes it all the same is found out."""

import hashlib
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from breakers import audit_proof, auditing, bulk
from breakers.access import Actor, Role
from breakers.models import Audit

pytestmark = [pytest.mark.django_db, pytest.mark.storage]
ADA = Actor("ada", Role.ADMIN, "192.0.2.7")
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
SQLITE = {
    "rewrite": "UPDATE breakers_audit SET reason = 'none'",
    "delete": "DELETE FROM breakers_audit",
    "replace": "INSERT OR REPLACE INTO breakers_audit SELECT * FROM breakers_audit ORDER BY id LIMIT 1",
}
POSTGRESQL = {
    "rewrite": SQLITE["rewrite"],
    "delete": SQLITE["delete"],
    "replace": "INSERT INTO breakers_audit SELECT * FROM breakers_audit ORDER BY id LIMIT 1"
    " ON CONFLICT (id) DO UPDATE SET reason = 'none'",
    "truncate": "TRUNCATE breakers_audit",
}


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings: pytest.FixtureRequest) -> Path:
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]
    return tmp_path


def writes(*reasons: str) -> list[int]:
    return [int(auditing.write(ADA, "test", "breaker", 1, "x", reason=reason, at=NINE).pk) for reason in reasons]


def tamper(sql: str, *params: object) -> None:
    """As one who owns the database file: past the triggers."""
    if connection.vendor == "postgresql":
        bulk.run("ALTER TABLE breakers_audit DISABLE TRIGGER USER")
        bulk.run(sql, params)
        bulk.run("ALTER TABLE breakers_audit ENABLE TRIGGER USER")
        return
    guards = bulk.select("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'breakers_audit'")
    assert len(guards) == 3
    for name, _ in guards:
        bulk.run(f"DROP TRIGGER {name}")
    bulk.run(sql, params)
    for _, text in guards:
        bulk.run(text)


def test_neither_rewrite_nor_replace_nor_delete_nor_truncate_gets_past_the_database() -> None:
    writes("one", "two")
    before = list(Audit.objects.order_by("id").values())
    for sql in (POSTGRESQL if connection.vendor == "postgresql" else SQLITE).values():
        with pytest.raises(DatabaseError, match="the audit trail only grows"), transaction.atomic():
            bulk.run(sql)
    assert list(Audit.objects.order_by("id").values()) == before


def test_a_whole_trail_is_whole() -> None:
    writes("one", "two", "three")
    audit_proof.keep_head(NINE)
    writes("four")
    assert audit_proof.verify() == audit_proof.Proof(4, 1, [])


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda ids: tamper("UPDATE breakers_audit SET reason = 'x' WHERE id = %s", ids[1]), "does not follow"),
        (lambda ids: tamper("DELETE FROM breakers_audit WHERE id = %s", ids[1]), "does not follow"),
        (lambda ids: tamper("DELETE FROM breakers_audit WHERE id = %s", ids[2]), "is missing: it was the newest of 3"),
        (lambda ids: tamper("DELETE FROM breakers_audit"), "is missing: it was the newest of 3"),
    ],
    ids=["rewritten", "one taken out", "its end cut off", "emptied"],
)
def test_what_was_done_past_the_guards_is_found(act: Callable[[list[int]], None], sentence: str) -> None:
    ids = writes("one", "two", "three")
    audit_proof.keep_head(NINE)
    assert audit_proof.verify().broken == []
    act(ids)
    assert any(sentence in each for each in audit_proof.verify().broken)


def test_who_writes_a_chain_of_their_own_without_the_key_is_found() -> None:
    writes("one", "two")
    audit_proof.keep_head(NINE)
    last = ""
    for row in Audit.objects.order_by("id"):
        row.reason = "forged"
        last = hashlib.sha256(last.encode() + auditing._told(row)).hexdigest()
        tamper("UPDATE breakers_audit SET reason = 'forged', hash = %s WHERE id = %s", last, row.pk)
    broken = audit_proof.verify().broken
    assert any("is not the one that was the newest" in each for each in broken)


def test_lines_from_before_the_key_hold_until_the_first_with_one_and_none_after() -> None:
    row = Audit(at=NINE, actor="ada", role="admin", verb="old", target_kind="board", target_id="1", target_name="x")
    row.hash = hashlib.sha256(auditing._told(row)).hexdigest()
    row.save(force_insert=True)
    writes("new")
    assert audit_proof.verify().broken == []
    newest = Audit.objects.order_by("-id")[0]
    late = Audit(at=NINE, actor="eve", role="admin", verb="old", target_kind="board", target_id="1", target_name="x")
    late.hash = hashlib.sha256(newest.hash.encode() + auditing._told(late)).hexdigest()
    late.save(force_insert=True)
    assert audit_proof.verify().broken == [
        f"line {late.pk} of 2026-11-23T09:00:00.000Z does not follow from the line before it"
    ]


def test_a_new_key_of_the_board_changes_nothing_in_what_was_written(settings: pytest.FixtureRequest) -> None:
    old = settings.SECRET_KEY  # type: ignore[attr-defined]
    settings.SECRET_KEY = "another key of this board, long enough"  # type: ignore[attr-defined]
    settings.SECRET_KEY_FALLBACKS = [old]  # type: ignore[attr-defined]
    writes("one", "two")
    call_command("secrets", "rotate", stdout=StringIO())
    settings.SECRET_KEY_FALLBACKS = []  # type: ignore[attr-defined]
    writes("three")
    assert audit_proof.verify().broken == []


def test_a_lost_key_stops_nobody_and_is_said(settings: pytest.FixtureRequest) -> None:
    first, second = writes("one", "two")
    settings.SECRET_KEY = "another key of this board, long enough"  # type: ignore[attr-defined]
    writes("three")
    [sentence] = audit_proof.verify().broken
    assert sentence.startswith(f"2 lines, from {first} to {second}, can't be checked: their key ")


def test_a_head_is_kept_once_is_logged_each_time_and_is_its_owners_alone(caplog: pytest.LogCaptureFixture) -> None:
    assert audit_proof.keep_head(NINE) is None
    writes("one")
    with caplog.at_level(logging.INFO):
        head = audit_proof.keep_head(NINE)
        assert audit_proof.keep_head(NINE + timedelta(hours=1)) is not None
    assert audit_proof.kept_heads() == [head]
    assert audit_proof.heads_file().stat().st_mode & 0o777 == 0o600
    said = [record.msg for record in caplog.records if record.name == "breakers.audit_proof"]
    assert [line["hash"] for line in said] == [head and head.hash] * 2  # type: ignore[index]
    writes("two")
    audit_proof.keep_head(NINE + timedelta(hours=2))
    assert [each.lines for each in audit_proof.kept_heads()] == [1, 2]


def test_the_file_stays_bounded_and_keeps_its_first_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_proof, "KEPT", 4)
    for number in range(8):
        writes(str(number))
        audit_proof.keep_head(NINE)
    lines = [each.lines for each in audit_proof.kept_heads()]
    assert (lines[0], lines[-1], len(lines) <= 4) == (1, 8, True)
    assert audit_proof.verify().broken == []


def test_a_file_that_is_damaged_is_said() -> None:
    writes("one")
    audit_proof.heads_file().write_text("what is this\n")
    [sentence] = audit_proof.verify().broken
    assert sentence.startswith(f"{audit_proof.heads_file()} can't be read")


def test_the_command_ends_with_an_error_where_the_trail_is_not_whole() -> None:
    ids = writes("one", "two")
    audit_proof.keep_head(NINE)
    out = StringIO()
    call_command("audit", "verify", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"lines": 2, "heads": 1, "broken": []}
    out = StringIO()
    call_command("audit", "verify", stdout=out)
    assert out.getvalue() == (
        f"The audit trail is whole. Lines: 2. Heads compared: 1 kept in {audit_proof.heads_file()}.\n"
    )
    tamper("DELETE FROM breakers_audit WHERE id = %s", ids[1])
    out = StringIO()
    with pytest.raises(CommandError, match=r"^The audit trail is not whole\.$"):
        call_command("audit", "verify", "--json", stdout=out)
    [sentence] = msgspec.json.decode(out.getvalue())["broken"]
    assert sentence == f"line {ids[1]} is missing: it was the newest of 2 at 2026-11-23T09:00:00.000Z"
