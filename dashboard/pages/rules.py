"""The rules: in words, with a form, and a preview of what each would have done to the last seven days."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from alerts import previewing, queries, rule_queries, ruling
from alerts.domain import matching
from alerts.domain.rules import KINDS
from alerts.domain.rules.shapes import SEVERITIES
from breakers.access import Role
from breakers.errors import Conflict, Invalid, NotAllowed
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.alerts import tabs
from dashboard.pages.context import now_of

TEXTS = ("name", "kind", "severity")
NUMBERS = ("for_s", "keep_s")


@for_viewers
@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """All rules."""
    cursor = request.GET.get("cursor") or None
    page = rule_queries.rules_page(limit=200, cursor=cursor)
    context = {
        "tab": "rules",
        "tabs": tabs(queries.open_count()),
        "rules": page.items,
        "next": page.next,
        "kinds": list(KINDS),
        "may_configure": actor_of(request).role >= Role.ADMIN,
    }
    return render(request, "rules.html", context)


@for_viewers
@require_http_methods(["GET", "HEAD", "POST"])
def rule(request: HttpRequest, rule_id: str = "") -> HttpResponse:
    """One rule's form; a POST saves it, or previews it by that button."""
    previews = "preview" in request.POST
    if request.method == "POST" and not previews and actor_of(request).role < Role.ADMIN:
        return render(request, "403.html", {"sentence": "Rules need the role admin. Nothing was done."}, status=403)
    row = ruling.row_of(rule_id) if rule_id else None
    given = request.POST if request.method == "POST" else request.GET
    kind = (
        KINDS.get(row.kind if row and row.builtin else given.get("kind", row.kind if row else "opened"))
        or KINDS["opened"]
    )
    stored = (
        ruling.told(row) if row else {"name": "", "kind": kind.name, "enabled": True, "matchers": {}, "parameters": {}}
    )
    fields, wrong = ({**stored, "kind": kind.name}, []) if not _is_filled(given) else _read(given, stored, kind.name)
    refused: list[str] = []
    if request.method == "POST" and not wrong and not previews:
        try:
            if row is None:
                ruling.add(actor_of(request), fields, now_of(request))
            else:
                changed = {
                    key: value
                    for key, value in fields.items()
                    if not row.builtin or key not in ("name", "kind", "matchers")
                }
                ruling.change(actor_of(request), rule_id, changed, now_of(request))
        except Invalid as error:
            refused = [each["detail"] for each in error.errors]
        except Conflict as error:
            refused = [str(error)]
        else:
            messages.success(request, f"The rule '{fields['name']}' is saved.")
            return redirect("rules")
    preview, unclear = _preview(fields, request)
    context = {
        "tab": "rules",
        "tabs": tabs(queries.open_count()),
        "rule": row,
        "fields": fields,
        "kind": kind,
        "kinds": list(KINDS),
        "severities": SEVERITIES,
        "severity": fields.get("severity") or kind.severity,
        "for_s": kind.for_s if fields.get("for_s") is None else fields["for_s"],
        "keep_s": kind.keep_s if fields.get("keep_s") is None else fields["keep_s"],
        "parameters": [(each, fields["parameters"].get(each.name, each.default)) for each in kind.parameters],
        "labels": ", ".join(f"{key}:{value}" for key, value in fields["matchers"].get("labels", {}).items()),
        "wrong": wrong or refused or (unclear if request.method == "POST" else []),
        "preview": preview,
        "may_configure": actor_of(request).role >= Role.ADMIN,
    }
    return render(request, "rule.html", context, status=422 if request.method == "POST" and not previews else 200)


@for_viewers
@require_safe
def preview_json(request: HttpRequest) -> HttpResponse:
    """The preview of the fields in the query, for the form's script."""
    kind = request.GET.get("kind", "")
    fields, wrong = _read(
        request.GET, {"name": "", "kind": kind, "enabled": True, "matchers": {}, "parameters": {}}, kind
    )
    preview, unclear = _preview(fields, request)
    if preview is None or wrong:
        return JsonResponse({"said": "; ".join([*wrong, *unclear]), "sentence": ""})
    return JsonResponse({"said": preview.said, "sentence": preview.sentence})


@for_viewers
@require_POST
def switch(request: HttpRequest, rule_id: str, verb: str) -> HttpResponse:
    """Switch a rule on or off, or take it away."""
    try:
        if verb == "remove":
            ruling.remove(actor_of(request), rule_id, now_of(request))
        else:
            ruling.change(actor_of(request), rule_id, {"enabled": verb == "on"}, now_of(request))
    except NotAllowed as refused:
        return render(request, "403.html", {"sentence": f"{refused}. Nothing was done."}, status=403)
    except Conflict as refused:
        messages.error(request, f"{refused}.")
    return redirect("rules")


def _is_filled(given: QueryDict) -> bool:
    return any(name in given for name in ("name", "severity", "for_s"))


def _read(given: Mapping[str, Any], stored: Mapping[str, Any], kind: str) -> tuple[dict[str, Any], list[str]]:
    """The form's fields as the API takes them, and what can't be read."""
    fields: dict[str, Any] = {**stored, "kind": kind, "parameters": {}}
    wrong = []
    for name in TEXTS:
        if name in given and name != "kind":
            fields[name] = given[name].strip()
    for name in NUMBERS:
        if name in given:
            fields[name], complaint = _number(given[name], name, whole=True)
            wrong += complaint
    matchers: dict[str, Any] = {name: given.get(name, "").strip() for name in matching.NAMES}
    labels, strange = matching.read_labels(given.get("labels", ""))
    wrong += [f"the label '{word[:60]}' has no colon; expected key:value" for word in strange]
    fields["matchers"] = {name: value for name, value in {**matchers, "labels": labels}.items() if value}
    for parameter in KINDS[kind].parameters if kind in KINDS else ():
        if parameter.name in given:
            fields["parameters"][parameter.name], complaint = _number(given[parameter.name], parameter.words)
            wrong += complaint
    return fields, wrong


def _number(text: str, name: str, *, whole: bool = False) -> tuple[Any, list[str]]:
    try:
        number = float(text)
        if not abs(number) < 1e12:
            raise ValueError(text)
    except ValueError:
        return 0, [f"'{text[:40]}' is no number ({name})"]
    return (int(number) if whole or number == int(number) else number), []


def _preview(fields: Mapping[str, Any], request: HttpRequest) -> tuple[Any, list[str]]:
    try:
        return previewing.preview(ruling.drafted({**fields, "name": fields["name"] or "draft"}), now_of(request)), []
    except Invalid as error:
        return None, [each["detail"] for each in error.errors]
