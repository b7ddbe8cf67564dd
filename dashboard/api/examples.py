"""Examples of what the operators' API takes, as they stand in its document; a test sends each of them through its shape."""

from typing import Any

EXAMPLES: dict[str, dict[str, Any]] = {
    "Order": {"action": "force_open", "reason": "protecting the database", "until": "2026-11-23T09:00:00Z"},
    "HeadlineRule": {"headline": "majority"},
    "Comment": {"comment": "rolling back the release"},
    "NewSilence": {
        "matchers": {"service": "pay*", "labels": {"team": "logistics"}},
        "to": "2026-11-23T09:00:00Z",
        "comment": "the database moves",
    },
    "NewMark": {"kind": "deploy", "title": "orders 2.4.1", "service": "orders", "url": "https://ci.example.com/41"},
    "NewDestination": {"name": "ops", "kind": "webhook", "config": {"url": "https://hooks.example.com/breakers"}},
    "NewRoute": {"name": "logistics", "matchers": {"labels": {"team": "logistics"}}, "destinations": ["3"]},
    "NewRule": {"name": "orders opened", "kind": "opened", "severity": "critical", "matchers": {"service": "orders"}},
    "NewService": {"name": "orders", "signatures": "optional"},
    "ServiceSettings": {"paused": True},
    "NewKey": {"label": "blue cluster"},
    "Members": {"alerts": ["17", "18"]},
    "Others": {"incidents": ["5"]},
}
