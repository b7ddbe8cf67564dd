"""Rules: what raises an alert, in words and in numbers; and what a rule would have done to the last seven days."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field, StrictBool, StrictFloat, StrictInt

from alerts import previewing, rule_queries, ruling
from alerts.models.rule import NAME_LENGTH
from alerts.shapes import PreviewView, RuleView
from breakers.access import Role
from dashboard.api.answers import answer, nothing, page, tells
from dashboard.api.credentials import acting
from dashboard.api.parameters import Body, Cursor, Limit, Text
from dashboard.pages.context import now_of

router = Router(tags=["Rules"])

Name = Annotated[Text, Field(max_length=NAME_LENGTH)]


class Matchers(Body):
    """Whom it means: all that is given must match, `*` within a value."""

    service: Text = ""
    dependency: Text = ""
    breaker: Text = ""
    labels: dict[str, Text] = {}


class RuleFields(Body):
    """What an admin sets at a rule. What is not given is as its kind comes, or stays as it is."""

    enabled: StrictBool | None = None
    severity: Text | None = None
    for_s: StrictInt | None = None
    keep_s: StrictInt | None = None
    matchers: Matchers | None = None
    parameters: dict[str, StrictInt | StrictFloat] | None = None


class NewRule(RuleFields):
    """A rule to be."""

    name: Name
    kind: Text


class ChangedRule(RuleFields):
    """A rule to be changed."""

    name: Name | None = None
    kind: Text | None = None


class Draft(RuleFields):
    """A rule that need not exist."""

    name: Name = "draft"
    kind: Text


@router.get("/rules", **tells(RuleView, 422, listed=True))
def list_rules(request: HttpRequest, limit: Limit, cursor: Cursor) -> HttpResponse:
    """Rules, the built-in ones first."""
    return page(rule_queries.rules_page(limit=limit, cursor=cursor or None))


@router.get("/rules/{rule_id}", **tells(RuleView, 404))
def get_rule(request: HttpRequest, rule_id: str) -> HttpResponse:
    """One rule."""
    return answer(rule_queries.rule_view(ruling.row_of(rule_id)))


@router.post("/rules", **tells(RuleView, 400, 409, 422, status=201, role=Role.ADMIN))
def add_rule(request: HttpRequest, rule: NewRule) -> HttpResponse:
    """Make a rule. Where it matches, it takes the place of the built-in one of its kind."""
    return answer(rule_queries.rule_view(ruling.add(acting(request), _given(rule), now_of(request))), status=201)


@router.patch("/rules/{rule_id}", **tells(RuleView, 400, 404, 409, 422, role=Role.ADMIN))
def change_rule(request: HttpRequest, rule_id: str, rule: ChangedRule) -> HttpResponse:
    """Change a rule; of a built-in one everything but its name, its kind and whom it means."""
    return answer(rule_queries.rule_view(ruling.change(acting(request), rule_id, _given(rule), now_of(request))))


@router.delete("/rules/{rule_id}", **tells(None, 404, 409, status=204, role=Role.ADMIN))
def remove_rule(request: HttpRequest, rule_id: str) -> HttpResponse:
    """Take a rule away. Its alerts stay."""
    ruling.remove(acting(request), rule_id, now_of(request))
    return nothing()


@router.post("/rule-preview", **tells(PreviewView, 400, 422))
def preview_rule(request: HttpRequest, rule: Draft) -> HttpResponse:
    """When this rule would have fired in the last seven days. Nothing is saved."""
    return answer(previewing.preview(ruling.drafted({"name": rule.name, **_given(rule)}), now_of(request)))


def _given(rule: RuleFields) -> dict[str, Any]:
    """What the body holds, without what it left out."""
    found = rule.model_dump(exclude_unset=True)
    if found.get("matchers"):
        found["matchers"] = {name: value for name, value in found["matchers"].items() if value}
    return {name: value for name, value in found.items() if value is not None}
