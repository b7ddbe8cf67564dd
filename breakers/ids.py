"""Ids: opaque strings for everyone outside; here are the numbers behind them."""

from breakers.errors import NotFound


def known_id(text: str, kind: str = "breaker") -> int:
    """The number of an id. Errors: NotFound for one in any spelling but ours."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18) or (len(text) > 1 and text[0] == "0"):
        raise NotFound(f"no {kind} '{text[:60]}'")
    return int(text)
