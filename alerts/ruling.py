"""Ruling: the rules as rows, changed by admins; and the rules as the evaluation reads them.

Workers keep what they read until a rule has changed, so that a thousand rules cost a transition no more than ten.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max

from alerts.domain import matching
from alerts.domain import rules as families
from alerts.domain.lifecycle import Status
from alerts.domain.rules import KINDS
from alerts.domain.rules.shapes import SEVERITIES
from alerts.models import Alert, Rule, Watch
from alerts.models.rule import NAME_LENGTH
from breakers import auditing, bulk
from breakers.access import Actor, Role, require
from breakers.errors import Conflict, Invalid, NotFound

LONGEST_HOLD_S = 86_400
MOST_RULES = 2_000


@dataclass(frozen=True, slots=True)
class Book:
    """The rules that are on, by kind; and the rows of all that ever were, by id."""

    by_kind: Mapping[str, tuple[families.Rule, ...]]
    rows: Mapping[int, Rule]


_known: dict[tuple[Any, ...], Book] = {}


def current() -> Book:
    """The rules as they are now."""
    told = Rule.objects.aggregate(n=Count("pk"), newest=Max("pk"), version=Max("version"))
    key = tuple(told.values())
    book = _known.get(key)
    if book is None:
        rows = {row.pk: row for row in Rule.objects.order_by("pk")}
        by_kind: dict[str, list[families.Rule]] = {}
        for row in rows.values():
            if row.enabled and row.removed_at is None and row.kind in KINDS:
                by_kind.setdefault(row.kind, []).append(as_read(row))
        book = Book({kind: tuple(some) for kind, some in by_kind.items()}, rows)
        _known.clear()
        _known[key] = book
    return book


def forget() -> None:
    """Read the rules anew at the next look."""
    _known.clear()


def as_read(row: Rule) -> families.Rule:
    """A row as the families read it."""
    return families.Rule(
        id=row.pk,
        name=row.name,
        kind=row.kind,
        severity=row.severity,
        for_s=row.for_s,
        keep_s=row.keep_s,
        matchers=matching.read(row.matchers)[0],
        parameters={**KINDS[row.kind].defaults, **row.parameters},
        builtin=row.builtin,
    )


def sentence_of(row: Rule) -> str:
    """The rule in words."""
    matchers = matching.read(row.matchers)[0]
    return families.sentence(row.kind, row.parameters, matchers, row.severity, row.for_s, row.keep_s)


def add(actor: Actor, fields: Mapping[str, Any], at: datetime) -> Rule:
    """A rule of someone's own. Errors: NotAllowed, Invalid, Conflict where the name is taken."""
    require(actor, Role.ADMIN, "making a rule")
    row = drafted(fields)
    with bulk.writing():
        _free(row.name, None)
        if Rule.objects.filter(removed_at=None).count() >= MOST_RULES:
            raise Conflict(f"there are {MOST_RULES} rules already")
        row.version = bulk.next_version()
        row.save(force_insert=True)
        auditing.write(actor, "rule.add", "rule", row.pk, row.name, after=told(row), at=at)
    return row


def change(actor: Actor, rule_id: str, fields: Mapping[str, Any], at: datetime) -> Rule:
    """Change a rule; of a built-in one everything but its name, its kind and whom it means.

    Errors: NotAllowed, NotFound, Invalid, Conflict.
    """
    require(actor, Role.ADMIN, "changing a rule")
    row = row_of(rule_id)
    fixed = [name for name in ("name", "kind", "matchers") if name in fields] if row.builtin else []
    if fixed:
        raise Invalid(
            *((name, f"'{row.name}' is built in: its {name} stays as it is; make a rule of your own") for name in fixed)
        )
    before = told(row)
    changed = drafted({**before, **fields}, row)
    with bulk.writing():
        _free(changed.name, row.pk)
        changed.version = bulk.next_version()
        changed.save()
        _wait_anew(changed, before, at)
        auditing.write(actor, "rule.change", "rule", row.pk, changed.name, before=before, after=told(changed), at=at)
    return changed


def _wait_anew(rule: Rule, before: Mapping[str, Any], at: datetime) -> None:
    """What waits out the rule's old holds waits out the new ones, from when it began to wait."""
    for status, field in ((Status.PENDING, "for_s"), (Status.RECOVERING, "keep_s")):
        longer = timedelta(seconds=getattr(rule, field) - before[field])
        if longer:
            for alert in Alert.objects.filter(rule=rule, status=status, check_at__isnull=False):
                assert alert.check_at is not None
                alert.check_at += longer
                alert.save(update_fields=["check_at"])
    Watch.objects.filter(kind=rule.kind).update(next_check_at=at)


def remove(actor: Actor, rule_id: str, at: datetime) -> None:
    """Take a rule away; its alerts stay, and end as they would. Errors: NotAllowed, NotFound, Conflict for a built-in one."""
    require(actor, Role.ADMIN, "taking a rule away")
    row = row_of(rule_id)
    if row.builtin:
        raise Conflict(f"'{row.name}' is built in; switch it off instead")
    with bulk.writing():
        row.removed_at, row.enabled, row.version = at, False, bulk.next_version()
        row.save()
        auditing.write(actor, "rule.remove", "rule", row.pk, row.name, before=told(row), at=at)


def row_of(rule_id: str) -> Rule:
    """The row. Errors: NotFound for an unknown id in any spelling."""
    known = rule_id.isascii() and rule_id.isdigit() and len(rule_id) <= 18 and rule_id == str(int(rule_id))
    row = Rule.objects.filter(pk=int(rule_id), removed_at=None).first() if known else None
    if row is None:
        raise NotFound(f"no rule '{rule_id[:40]}'")
    return row


def told(row: Rule) -> dict[str, Any]:
    """The row as the API takes and tells it."""
    return {
        "name": row.name,
        "kind": row.kind,
        "enabled": row.enabled,
        "severity": row.severity,
        "for_s": row.for_s,
        "keep_s": row.keep_s,
        "matchers": row.matchers,
        "parameters": row.parameters,
    }


def drafted(fields: Mapping[str, Any], row: Rule | None = None) -> Rule:
    """A row of these fields that is not saved: what is not given is as its kind comes. Errors: Invalid."""
    kind = KINDS.get(str(fields.get("kind", "")))
    if kind is None:
        raise Invalid(
            ("kind", f"unknown kind '{str(fields.get('kind', ''))[:60]}'; expected one of {', '.join(KINDS)}")
        )
    name = str(fields.get("name", "")).strip()
    matchers, wrong = matching.read(fields.get("matchers") or {})
    severity = fields.get("severity") or kind.severity
    if not 1 <= len(name) <= NAME_LENGTH or "\0" in name:
        wrong.append(("name", f"a name has 1 to {NAME_LENGTH} characters, and no NUL"))
    if severity not in SEVERITIES:
        wrong.append(("severity", f"unknown severity '{severity!s:.40}'; expected one of {', '.join(SEVERITIES)}"))
    holds = {}
    for field in ("for_s", "keep_s"):
        value = fields.get(field)
        holds[field] = getattr(kind, field) if value is None else value
        if not isinstance(holds[field], int) or not 0 <= holds[field] <= LONGEST_HOLD_S:
            wrong.append((field, f"'{field}' is {value!r:.40}; expected 0 to {LONGEST_HOLD_S} seconds"))
    parameters, strange = _parameters(kind, fields.get("parameters") or {})
    if wrong or strange:
        raise Invalid(*wrong, *strange)
    draft = Rule(pk=row.pk if row else None, builtin=row.builtin if row else False)
    draft.name, draft.kind, draft.severity = name, kind.name, severity
    draft.for_s, draft.keep_s = holds["for_s"], holds["keep_s"]
    draft.matchers, draft.parameters = matching.written(matchers), parameters
    draft.enabled = bool(fields.get("enabled", True))
    return draft


def _parameters(kind: families.Kind, given: Mapping[str, Any]) -> tuple[dict[str, float], list[tuple[str, str]]]:
    known = {each.name: each for each in kind.parameters}
    wrong = [
        (f"parameters.{name}", f"'{kind.name}' has no parameter '{name[:40]}'; expected {', '.join(known) or 'none'}")
        for name in given
        if name not in known
    ]
    taken = {}
    for name, value in given.items():
        if name in known:
            about = known[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not about.least <= value <= about.most:
                wrong.append(
                    (f"parameters.{name}", f"'{name}' is {value!r:.40}; expected {about.least:g} to {about.most:g}")
                )
            elif value != about.default:
                taken[name] = value
    return taken, wrong


def _free(name: str, but: int | None) -> None:
    if Rule.objects.filter(name=name, removed_at=None).exclude(pk=but or 0).exists():
        raise Conflict(f"there is a rule '{name}' already")
