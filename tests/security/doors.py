"""Doors: every address of the board's pages, and who may look and write there. What the API has is in tests/api/test_roles.py."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from breakers.access import Role

NOBODY, VIEWER, OPERATOR, ADMIN = Role
PASSWORD = "correct horse battery staple"
# A webhook that needs no resolver.
HOOK = "https://192.0.32.7/x"
# Ada alone takes turns.
TURNS = {
    "timezone": "UTC", "people-0": "ada", "since-0": "2026-11-23", "at-0": "09:00", "every-0": "7", "fallback": "{destination}",
}  # fmt: skip


@dataclass(frozen=True)
class Door:
    """An address. `reads`, `writes`: the least role for a look and for a form; None: that is not taken here at all.

    `form` is one that does something, `told` the verb of the line that it leaves in the audit trail; empty: it leaves none.
    """

    path: str
    reads: Role | None = None
    writes: Role | None = None
    form: dict[str, Any] = field(default_factory=dict)
    told: str = ""
    # Strangers are refused, not led to the sign-in: a screen's script asks.
    refuses: bool = False


# By the route as the board spells it.
DOORS: dict[str, list[Door]] = {
    # Asks threads, Redis and workers: tests/platform/test_health.py.
    "readyz": [],
    "livez": [Door("/livez", NOBODY)],
    "metrics": [Door("/metrics", VIEWER)],
    "welcome/<str:token>/": [
        Door("/welcome/{welcome}/", NOBODY, NOBODY, {"password": PASSWORD, "again": PASSWORD}, "user.welcome")
    ],
    "sign-in/": [Door("/sign-in/", NOBODY, NOBODY, {"username": "ada", "password": PASSWORD})],
    "sign-out/": [Door("/sign-out/", None, NOBODY)],
    "completions.json": [Door("/completions.json?field=service", VIEWER)],
    "screen/": [Door("/screen/", VIEWER)],
    "screen/cause.json": [Door("/screen/cause.json", VIEWER, refuses=True)],
    "screen/<str:token>/": [Door("/screen/{screen}/", NOBODY)],
    "screens/": [Door("/screens/", ADMIN, ADMIN, {"name": "hall", "query": ""}, "screen.add")],
    "screens/<int:link_id>/revoke/": [Door("/screens/{link}/revoke/", None, ADMIN, {}, "screen.revoke")],
    "cause.json": [Door("/cause.json", VIEWER)],
    "last-trip.json": [Door("/last-trip.json", VIEWER)],
    # One's own choice, that nobody else sees.
    "density/": [Door("/density/", None, VIEWER, {"density": "rows"})],
    "views/": [Door("/views/", None, VIEWER, {"name": "mine", "query": "state:open"}, "view.save")],
    # One's own: to anybody else it is not there.
    "views/<int:view_id>/delete/": [Door("/views/{view}/delete/", None, VIEWER, {}, "view.delete")],
    "": [Door("/", VIEWER)],
    "several/": [
        Door(
            "/several/", VIEWER, OPERATOR,
            {"verb": "reset", "breaker": "{breaker}", "reason": "a drill"}, "command.reset",
        )
    ],
    "past/wall.json": [Door("/past/wall.json", VIEWER)],
    "breakers/<str:breaker_id>/": [Door("/breakers/{breaker}/", VIEWER)],
    "breakers/<str:breaker_id>/order/": [
        Door("/breakers/{breaker}/order/", VIEWER, OPERATOR, {"action": "reset", "reason": "a drill"}, "command.reset")
    ],
    "breakers/<str:breaker_id>/timeline.json": [Door("/breakers/{breaker}/timeline.json", VIEWER)],
    "breakers/<str:breaker_id>/timeline.html": [Door("/breakers/{breaker}/timeline.html", VIEWER)],
    "breakers/<str:breaker_id>/news.json": [Door("/breakers/{breaker}/news.json", VIEWER)],
    "breakers/<str:breaker_id>/events/": [Door("/breakers/{breaker}/events/", VIEWER)],
    "breakers/<str:breaker_id>/past.json": [Door("/breakers/{breaker}/past.json", VIEWER)],
    "map/": [Door("/map/", VIEWER)],
    "map.json": [Door("/map.json", VIEWER)],
    "dependency/": [Door("/dependency/?name=tracking-api", VIEWER)],
    "dependency.json": [Door("/dependency.json?name=tracking-api", VIEWER)],
    "connect/": [Door("/connect/", VIEWER, ADMIN, {"service": "new"}, "key.add")],
    "connect.json": [Door("/connect.json?service=orders", VIEWER)],
    "marks/": [
        Door(
            "/marks/", VIEWER, OPERATOR,
            {"kind": "note", "title": "x", "scope": "board", "confirmed": "yes"}, "mark.note",
        )
    ],
    "alerts/": [Door("/alerts/", VIEWER)],
    "alerts/<str:alert_id>/": [Door("/alerts/{alert}/", VIEWER)],
    r"^alerts/(?P<alert_id>[^/]+)/(?P<verb>acknowledge|unacknowledge)/$": [
        Door("/alerts/{alert}/acknowledge/", None, OPERATOR, {"comment": "mine"}, "alert.acknowledge"),
        Door("/alerts/{held}/unacknowledge/", None, OPERATOR, {}, "alert.unacknowledge"),
    ],
    "alerts/<str:alert_id>/notifications/<str:notification_id>/resend/": [
        Door("/alerts/{alert}/notifications/{note}/resend/", None, OPERATOR, {}, "notification.resend")
    ],
    "alerts/destinations/": [Door("/alerts/destinations/", VIEWER)],
    "alerts/destinations/new/<str:kind>/": [Door("/alerts/destinations/new/webhook/", VIEWER)],
    "alerts/destinations/add/<str:kind>/": [
        Door("/alerts/destinations/add/webhook/", None, ADMIN, {"name": "new", "url": HOOK}, "destination.add")
    ],
    "alerts/destinations/<str:destination_id>/": [Door("/alerts/destinations/{destination}/", VIEWER)],
    "alerts/destinations/<str:destination_id>/change/": [
        Door("/alerts/destinations/{destination}/change/", None, ADMIN, {"verb": verb, **form}, told)
        for verb, form, told in (
            ("save", {"name": "renamed", "url": HOOK}, "destination.change"),
            ("off", {}, "destination.change"),
            ("remove", {}, "destination.remove"),
        )
    ],
    "alerts/routes/new/": [Door("/alerts/routes/new/", VIEWER)],
    "alerts/routes/add/": [
        Door("/alerts/routes/add/", None, ADMIN, {"name": "all", "destinations": "{destination}"}, "route.add")
    ],
    "alerts/routes/<str:route_id>/": [Door("/alerts/routes/{route}/", VIEWER)],
    "alerts/routes/<str:route_id>/save/": [
        Door("/alerts/routes/{route}/save/", None, ADMIN, {"verb": "off"}, "route.change"),
        Door("/alerts/routes/{route}/save/", None, ADMIN, {"verb": "remove"}, "route.remove"),
    ],
    "alerts/on-call/": [Door("/alerts/on-call/", VIEWER)],
    "alerts/on-call/new/": [Door("/alerts/on-call/new/", VIEWER)],
    "alerts/on-call/add/": [Door("/alerts/on-call/add/", None, ADMIN, {"name": "new", **TURNS}, "rota.add")],
    "alerts/on-call/people/<str:name>/": [Door("/alerts/on-call/people/ada/", VIEWER)],
    "alerts/on-call/people/<str:name>/reach/": [
        Door("/alerts/on-call/people/ada/reach/", None, ADMIN, {"destinations": "{destination}"}, "person.reach")
    ],
    "alerts/on-call/<str:rota_id>/": [Door("/alerts/on-call/{rota}/", VIEWER)],
    "alerts/on-call/<str:rota_id>/save/": [
        Door("/alerts/on-call/{rota}/save/", None, ADMIN, {"verb": verb, "name": "renamed", **TURNS}, told)
        for verb, told in (("save", "rota.change"), ("preview", ""), ("remove", "rota.remove"))
    ],
    "alerts/on-call/<str:rota_id>/override/": [
        Door("/alerts/on-call/{rota}/override/", None, OPERATOR, {"verb": verb, "person": "ada", "to": "{later}"}, told)
        for verb, told in (("save", "rota.override"), ("preview", ""))
    ],
    "alerts/on-call/<str:rota_id>/override/<str:override_id>/end/": [
        Door("/alerts/on-call/{rota}/override/{override}/end/", None, OPERATOR, {}, "rota.end-override")
    ],
    "alerts/on-call/<str:rota_id>/on-call.ics": [Door("/alerts/on-call/{rota}/on-call.ics", VIEWER)],
    # The link is the permission.
    "acknowledge/<str:token>/": [Door("/acknowledge/{token}/", NOBODY, NOBODY, {}, "alert.acknowledge")],
    "push-worker.js": [Door("/push-worker.js", NOBODY)],
    "alerts/rules/": [Door("/alerts/rules/", VIEWER)],
    "alerts/rules/new/": [Door("/alerts/rules/new/", VIEWER, ADMIN, {"name": "mine", "kind": "opened"}, "rule.add")],
    "alerts/rules/preview.json": [Door("/alerts/rules/preview.json?kind=opened", VIEWER)],
    "alerts/rules/<str:rule_id>/": [
        Door("/alerts/rules/{rule}/", VIEWER, ADMIN, {"name": "opened", "severity": "warning"}, "rule.change")
    ],
    r"^alerts/rules/(?P<rule_id>[^/]+)/(?P<verb>on|off|remove)/$": [
        Door("/alerts/rules/{rule}/off/", None, ADMIN, {}, "rule.change"),
        Door("/alerts/rules/{own}/remove/", None, ADMIN, {}, "rule.remove"),
    ],
    "alerts/week/": [Door("/alerts/week/", VIEWER)],
    "alerts/silences/": [
        Door(
            "/alerts/silences/", VIEWER, OPERATOR,
            {"service": "orders", "minutes": "30", "comment": "a drill"}, "silence.begin",
        )
    ],
    "alerts/silences/hidden.json": [Door("/alerts/silences/hidden.json?service=orders", VIEWER)],
    "alerts/silences/<str:silence_id>/end/": [
        Door("/alerts/silences/{silence}/end/", None, OPERATOR, {}, "silence.end")
    ],
    "incidents/": [Door("/incidents/", VIEWER)],
    "incidents/<str:incident_id>/": [Door("/incidents/{incident}/", VIEWER)],
    r"^incidents/(?P<incident_id>[^/]+)/(?P<verb>acknowledge|split|merge|not-this)/$": [
        Door("/incidents/{incident}/acknowledge/", None, OPERATOR, {}, "incident.acknowledge"),
        Door("/incidents/{incident}/split/", None, OPERATOR, {"alert": "{alert}"}, "incident.split"),
        Door("/incidents/{incident}/merge/", None, OPERATOR, {"incident": "{other}"}, "incident.merge"),
        Door("/incidents/{incident}/not-this/", None, OPERATOR, {}, "incident.not-this"),
    ],
    r"^incidents/(?P<incident_id>[^/]+)/postmortem\.(?P<form>md|json|svg)$": [
        Door(f"/incidents/{{incident}}/postmortem.{form}", VIEWER) for form in ("md", "json", "svg")
    ],
    "services/": [Door("/services/", ADMIN, ADMIN, {"name": "new"}, "service.add")],
    "services/<path:name>/": [
        Door("/services/orders/", ADMIN, ADMIN, form, told)
        for form, told in (
            ({"do": "pause", "paused": "1"}, "service.pause"),
            ({"do": "signatures", "signatures": "required"}, "service.signatures"),
            ({"do": "limits", "events_per_s": "7"}, "service.limits"),
            ({"do": "redaction", "on": "on", "patterns": "kd-1"}, "service.redaction"),
            ({"do": "key", "label": "second"}, "key.add"),
            ({"do": "revoke", "key": "{key}"}, "key.revoke"),
        )
    ],
    "sources/": [Door("/sources/", VIEWER)],
    "sources/news.json": [Door("/sources/news.json", VIEWER)],
    "audit/": [Door("/audit/", VIEWER)],
}  # fmt: skip


def all_doors() -> list[Door]:
    """Each of them."""
    return [door for doors in DOORS.values() for door in doors]


def routes() -> Iterator[str]:
    """Every route of the board."""

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, before + str(pattern.pattern))
            else:
                yield before + str(pattern.pattern)

    return walk(get_resolver().url_patterns, "")
