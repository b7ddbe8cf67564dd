"""Services: which of Apprise's may be set up at the board, and the fields of a form for each, from Apprise's own description.

A list by name and not by rule: what is sent past our guard must go to a host that the service fixes and no URL can change.
"""

from functools import cache
from typing import Any

import msgspec

# Held against Apprise's own templates by a test: none of them has a host in its URL.
FIXED: dict[str, str] = {
    "slack": "Slack",
    "discord": "Discord",
    "tgram": "Telegram",
    "pagerduty": "PagerDuty",
    "opsgenie": "Opsgenie",
    "splunk": "Splunk On-Call",
    "ilert": "ilert",
    "incidentio": "incident.io",
    "firehydrant": "FireHydrant",
    "pagertree": "PagerTree",
    "squadcast": "Squadcast",
    "spike": "Spike.sh",
    "signl4": "SIGNL4",
    "wxteams": "Webex Teams",
    "gchat": "Google Chat",
    "twist": "Twist",
    "flock": "Flock",
    "groupme": "GroupMe",
    "dingtalk": "DingTalk",
    "feishu": "Feishu",
    "lark": "Lark",
    "line": "LINE",
    "stackfield": "Stackfield",
    "zoom": "Zoom",
    "pover": "Pushover",
    "pbul": "Pushbullet",
    "prowl": "Prowl",
    "join": "Join",
    "pushy": "Pushy",
    "spush": "Simplepush",
    "onesignal": "OneSignal",
    "ifttt": "IFTTT",
    "twilio": "Twilio",
    "vonage": "Vonage",
    "plivo": "Plivo",
    "msgbird": "MessageBird",
    "clicksend": "ClickSend",
    "bulksms": "BulkSMS",
    "telnyx": "Telnyx",
    "seven": "seven",
    "sendgrid": "SendGrid",
    "postmark": "Postmark",
    "resend": "Resend",
    "brevo": "Brevo",
}
# What may stand behind the `?` of a URL that was set up at the board, beside ANYWHERE: options that change what a message looks like or how loud it is
# there, and nothing of where it goes, how, or what is read on the way. Everything else that Apprise offers is refused.
ANYWHERE = frozenset({"to"})
OPTIONS: dict[str, frozenset[str]] = {
    "slack": frozenset({"footer", "timestamp"}),
    "discord": frozenset({"tts", "thread", "ping", "footer"}),
    "tgram": frozenset({"silent", "topic", "thread", "preview"}),
    "pagerduty": frozenset({"region", "severity", "class", "group"}),
    "opsgenie": frozenset({"region", "priority", "tags", "alias", "entity"}),
    "pover": frozenset({"priority", "sound"}),
    "prowl": frozenset({"priority"}),
    "spike": frozenset(),
    "sendgrid": frozenset({"from"}),
    "postmark": frozenset({"from", "name"}),
    "resend": frozenset({"from", "name"}),
    "brevo": frozenset({"from", "name"}),
}
# Never, whatever is allowed: they speak to this machine's own desktop or log, or read files that their URL names.
LOCAL = frozenset(
    {
        "syslog",
        "rsyslog",
        "dbus",
        "qt",
        "kde",
        "glib",
        "gnome",
        "macosx",
        "windows",
        "blink1",
        "fcm",
        "vapid",
        "file",
        "memory",
    }
)


class Field(msgspec.Struct, frozen=True):
    """One thing that a service wants to know. `private`: it is a secret."""

    name: str
    label: str
    private: bool


class Service(msgspec.Struct, frozen=True):
    """A service as a form. `template`: the URL, with its fields in braces."""

    schema: str
    name: str
    template: str
    fields: tuple[Field, ...]


@cache
def offered() -> tuple[Service, ...]:
    """The services with the shortest URL of each that names whom to tell, by name."""
    from apprise.plugins import N_MGR

    N_MGR.load_modules()
    found = [_described(schema, name, N_MGR[schema]) for schema, name in FIXED.items()]
    return tuple(sorted(found, key=lambda service: service.name.lower()))


def _described(schema: str, name: str, plugin: Any) -> Service:
    templates = [str(template) for template in plugin.templates]
    with_target = [template for template in templates if "{target" in template]
    template = min(with_target or templates, key=lambda text: (text.count("{"), len(text)))
    names = [part.partition("}")[0] for part in template.split("{")[1:]]
    fields = [
        Field(each, str(told.get("name", each)), bool(told.get("private", not told)))
        for each in names
        if each != "schema"
        for told in [plugin.template_tokens.get(each, {})]
    ]
    return Service(schema, name, template, tuple(fields))
