"""The sources: who posts, how well, and what was refused. Where a developer who integrates looks.

Every text of the page is made here; `news.json` holds the same, and the page's script puts it in its place.
"""

from dataclasses import dataclass

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from breakers import queries
from breakers.queries.shapes import RefusalView, ServiceSources, SourceView
from breakers.refusing import KEPT
from dashboard.pages.actors import for_viewers
from dashboard.pages.context import now_of
from dashboard.pages.words import DASH, age, short, whole

PAGE_SIZE = 20
STATES = {"heard": "Heard", "silent": "Silent", "stopped": "Stopped", "on_change": "On change"}
# The glyphs are those of the breakers' states.
GLYPHS = {"heard": "closed", "silent": "stale", "stopped": "disabled", "on_change": "unknown"}
# Whole requests, by status; events have codes of their own.
REASONS = {
    "400": "the body can't be read",
    "401": "no good key",
    "403": "paused, or not signed",
    "404": "unknown format",
    "405": "not a POST",
    "408": "the body came too slowly",
    "409": "an idempotency key used twice",
    "413": "too large",
    "415": "unknown content type",
    "422": "every event refused",
    "429": "rate limit reached",
    "500": "a fault of the board",
    "503": "the database was away",
    "bad_json": "an event is no JSON",
    "bad_value": "a field has a bad value",
    "missing_field": "a field is missing",
    "unknown_type": "unknown type",
    "too_old": "too old",
    "too_many_breakers": "too many breakers or instances",
    "bad_signature": "wrong signature",
    "signature_missing": "not signed",
}
KINDS = {
    "events": "Events",
    "requests": "Idempotency keys",
    "10s": "Counts of 10 s",
    "1m": "Counts of 1 min",
    "15m": "Counts of 15 min",
    "6h": "Counts of 6 h",
    "transitions": "Changes of state",
    "outages": "Outages",
    "commands": "Commands",
    "sources": "Sources",
    "refusals": "Refusals",
    "audit": "Audit trail",
}
CLOSE = 2_000.0  # ms that a clock may be off without a word


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of a source in words; a warning is drawn as one."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class SourceFace:
    """A source as drawn: its sign, its word, when it was heard, and its numbers in the table's order."""

    name: str
    state: str
    glyph: str
    word: str
    note: str
    heard_at: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class RefusalFace:
    """A refusal as drawn."""

    at: str
    status: int
    reason: str
    detail: str
    sample: str
    path: str
    address: str


@dataclass(frozen=True, slots=True)
class Reason:
    """How often something was refused for one reason."""

    word: str
    count: str
    last_at: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of being well connected: done, or what is still to do."""

    word: str
    done: bool
    otherwise: str


@dataclass(frozen=True, slots=True)
class ServiceFace:
    """A service as drawn. `key` is its place on the page."""

    key: str
    service: str | None
    said: str
    warning: str
    steps: tuple[Step, ...]
    sources: list[SourceFace]
    more: int
    reasons: list[Reason]
    refusals: list[RefusalFace]


@for_viewers
@require_safe
def sources(request: HttpRequest) -> HttpResponse:
    """The page."""
    service, faces, following = _faces(request)
    context = {
        "faces": faces,
        "service": service,
        "address": settings.SITE_URL,
        "next": following,
        "first": not request.GET.get("cursor"),
        "waiting": not any(face.sources for face in faces),
        "query": request.GET.urlencode(),
    }
    if context["first"] and not service:
        context |= {"store": queries.store(), "ring": KEPT}
    return render(request, "sources.html", context)


@for_viewers
@require_safe
def news_json(request: HttpRequest) -> HttpResponse:
    """The same as data, for the page's script."""
    _, faces, _ = _faces(request)
    return HttpResponse(msgspec.json.encode({"services": faces}), content_type="application/json")


def _faces(request: HttpRequest) -> tuple[str, list[ServiceFace], str]:
    service = request.GET.get("service", "").replace("\x00", "")[:200]
    found = queries.sources_page(
        now_of(request), service=service, limit=PAGE_SIZE, cursor=request.GET.get("cursor") or None
    )
    faces = [face(item) for item in found.items if isinstance(item, ServiceSources)]
    following = request.GET.copy()
    following["cursor"] = found.next or ""
    return service, faces, following.urlencode() if found.next else ""


def face(item: ServiceSources) -> ServiceFace:
    """A service in words."""
    silent = sum(source.state == "silent" for source in item.sources)
    parts = []
    if item.service is not None:
        parts.append(f"{whole(item.instances)} instance{'s' if item.instances != 1 else ''}")
        if silent:
            parts.append(f"{whole(silent)} silent")
        parts.append(f"{whole(item.events_1m)} event{'s' if item.events_1m != 1 else ''} a minute")
        if item.duplicates:
            parts.append(f"{whole(item.duplicates)} duplicates")
    parts.append(f"{whole(item.refused)} refused")
    warning = "Paused: what it posts is refused until it is resumed." if item.paused else ""
    return ServiceFace(
        key=item.service or "",
        service=item.service,
        said=" · ".join(parts),
        warning=warning,
        steps=() if item.service is None else steps(item),
        sources=[source_face(source) for source in item.sources],
        more=item.instances - len(item.sources),
        reasons=[Reason(reason(count.code), whole(count.count), count.last_at) for count in item.refusals],
        refusals=[refusal_face(refusal) for refusal in item.last_refusals],
    )


def steps(item: ServiceSources) -> tuple[Step, ...]:
    """What a service does well, and what it leaves out; nothing once all is done."""
    sources = item.sources
    known = (
        Step("reached us", bool(item.events or item.refused), "post an event with this service's key"),
        Step("understood", bool(item.events), "the last refusals below say what was wrong"),
        Step(
            "heartbeats",
            any(source.interval_s is not None for source in sources),
            "without heartbeats silence can't be told from calm",
        ),
        Step(
            "times",
            any(source.skew_ms is not None for source in sources),
            "without occurred_at an event is taken to happen when it is received",
        ),
        Step(
            "names its library",
            any(source.library is not None for source in sources),
            "library and library_version help to tell instances apart",
        ),
    )
    return () if all(step.done for step in known) else known


def source_face(source: SourceView) -> SourceFace:
    """A source in words."""
    notes = {"on_change": "posts on change only: silence can't be told from calm", "stopped": "said that it stops"}
    return SourceFace(
        name=source.name,
        state=source.state,
        glyph=GLYPHS[source.state],
        word=STATES[source.state],
        note=notes.get(source.state, ""),
        heard_at=source.last_heard_at,
        cells=(
            Cell(whole(source.events_1m)),
            Cell(whole(source.duplicates)),
            clock(source.skew_ms),
            Cell(whole(source.missing), source.missing > 0),
            Cell(whole(source.restarts)),
            Cell(f"{whole(source.late)} / {whole(source.early)}", source.early > 0),
            Cell(" ".join(text for text in (source.library, source.library_version) if text) or DASH),
        ),
    )


def clock(skew_ms: float | None) -> Cell:
    """How far an instance's clock is off: it can't be behind by less than what its posts wait."""
    if skew_ms is None:
        return Cell(DASH)
    if abs(skew_ms) < CLOSE:
        return Cell(f"{short(abs(skew_ms) / 1000)} s")
    way = "behind" if skew_ms > 0 else "ahead"
    return Cell(f"{age(abs(skew_ms) / 1000)} {way}", warning=True)


def refusal_face(refusal: RefusalView) -> RefusalFace:
    """A refusal in words."""
    return RefusalFace(
        refusal.at,
        refusal.status,
        reason(refusal.code),
        refusal.detail,
        refusal.sample,
        refusal.path,
        refusal.address,
    )


def reason(code: str) -> str:
    """Why, in a few words."""
    return REASONS.get(code, code.replace("_", " "))


def kind_word(kind: str) -> str:
    """A kind of row in the store."""
    return KINDS.get(kind, kind)
