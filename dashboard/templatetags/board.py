"""The template words of the board: glyphs, moments, ages, and the map of script names. Known in every template."""

import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from dashboard.pages import orders, said, sources, words

register = template.Library()

register.filter("word", words.word)
register.filter("whole", words.whole)
register.filter("percent", words.percent)
register.filter("short", words.short)
register.filter("size", words.size)
register.filter("lasted", words.lasted)
register.filter("open_minutes", words.minutes)
register.filter("kind_word", sources.kind_word)
register.filter("verb_word", said.verb_word)
register.filter("verdict_word", said.verdict_word)
register.filter("delivery_word", said.delivery_word)
register.filter("event_word", said.event_word)
register.filter("event_detail", said.event_detail)
register.filter("evidence_words", said.evidence_words)
register.filter("steps", said.steps)
register.simple_tag(orders.missing_words)
register.simple_tag(orders.nobody_can)
register.simple_tag(orders.reach_sentence)


@register.simple_tag
def glyph(state: str, form: str = "g") -> SafeString:
    """The sign of a state; `form` g for lists, s (the bare switch) for large ones. The word always stands beside it."""
    return format_html(
        '<svg class="glyph" data-state="{0}" viewBox="0 0 24 24" aria-hidden="true"><use href="#{1}-{0}"/></svg>',
        state,
        form,
    )


@register.simple_tag(takes_context=True)
def since(context: Context, at: str | datetime | None, none: str = "never") -> SafeString | str:
    """How long ago a moment is; scripts keep it going."""
    if not at:
        return none
    moment = _moment(at)
    text = words.age((context["page"].now - moment).total_seconds())
    return format_html('<time datetime="{}" title="{}" data-age>{}</time>', _iso(moment), _full(moment), text)


@register.simple_tag
def lasting(start: str | datetime, end: str | datetime) -> str:
    """How long something took, exactly where it was short."""
    return words.lasted((_moment(end) - _moment(start)).total_seconds())


@register.filter
def in_minutes(minutes: float) -> str:
    """A sum of times that is told in minutes."""
    return words.minutes(60 * minutes)


@register.filter
def as_json(value: object) -> str:
    """A value of the audit trail, as JSON."""
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)


@register.filter
def lookup(table: dict[str, str], key: str) -> str:
    """What a table has for a key; the key itself, shortened, where that is gone."""
    return table.get(key, f"{key[:8]}… (gone)")


@register.filter
def lasting_s(seconds: float) -> str:
    """So many seconds, in words."""
    return words.age(seconds)


@register.filter
def matcher_words(matchers: dict[str, Any]) -> str:
    """A route's matchers as a sentence: service pay*, label team payments."""
    labels = matchers.get("labels", {})
    told = [f"{name} {text}" for name, text in matchers.items() if name != "labels"]
    return ", ".join([*told, *(f"label {name} {text}" for name, text in labels.items())]) or "all"


@register.filter
def chosen_words(choices: list[Any]) -> str:
    """The words of the chosen states, one after the other."""
    return ", ".join(choice.word for choice in choices if choice.chosen)


@register.simple_tag(takes_context=True)
def age_of(context: Context, at: str) -> str:
    """An age as bare text, for drawings."""
    return words.age((context["page"].now - _moment(at)).total_seconds())


@register.simple_tag(takes_context=True)
def stamp(context: Context, at: str | datetime | None, none: str = words.DASH) -> SafeString | str:
    """A moment as a time of day to the second, with its date where that is not today's."""
    if not at:
        return none
    moment = _moment(at)
    form = "%H:%M:%S" if moment.date() == context["page"].now.date() else "%Y-%m-%d %H:%M:%S"
    return format_html('<time datetime="{}" title="{}">{}</time>', _iso(moment), _full(moment), moment.strftime(form))


@register.simple_tag(takes_context=True)
def import_map(context: Context) -> SafeString:
    """The map from the names that scripts import to the hashed files, so that they never go stale after a deploy."""
    nonce = getattr(context.get("request"), "csp_nonce", "")
    # Script names are ours; "<" is escaped all the same, so that nothing can end the element.
    text = json.dumps({"imports": _hashed_scripts()}).replace("<", "\\u003c")
    return format_html('<script type="importmap" nonce="{}">{}</script>', nonce, mark_safe(text))  # noqa: S308


def _hashed_scripts() -> dict[str, str]:
    return _look_up_scripts() if settings.DEBUG else _known_scripts()


@lru_cache(maxsize=1)
def _known_scripts() -> dict[str, str]:
    return _look_up_scripts()


def _look_up_scripts() -> dict[str, str]:
    root = Path(settings.BASE_DIR) / "static"
    names = sorted(path.relative_to(root).as_posix() for path in (root / "js").rglob("*.js"))
    pairs = ((settings.STATIC_URL + name, staticfiles_storage.url(name)) for name in names)
    return {plain: hashed for plain, hashed in pairs if hashed != plain}


def _moment(at: Any) -> datetime:
    return at.astimezone(UTC) if isinstance(at, datetime) else words.moment(at)


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _full(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
