"""Parameters: the kinds of values that calls take, checked before a view sees them."""

import re
from datetime import datetime
from typing import Annotated, Any

from ninja import Schema
from ninja.params.functions import Query
from pydantic import AfterValidator, BeforeValidator, ConfigDict, StrictStr, WithJsonSchema

from breakers.domain.reports import moment_us
from breakers.models.fields import from_us

MOST = 200
# An offset whose `+` was not escaped in the address.
_BLANK_OFFSET = re.compile(r" (?=\d\d:\d\d$)")


def _moment(value: Any) -> datetime:
    """Errors: ValueError with a sentence."""
    if isinstance(value, datetime):
        return value
    us = moment_us(_BLANK_OFFSET.sub("+", value) if isinstance(value, str) else value)
    if us < 0:
        raise ValueError(f"'{value}' is before 1970")
    return from_us(us)


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("a text has no NUL")
    return value


Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Text = Annotated[StrictStr, AfterValidator(_without_nul)]
Limit = Annotated[int, Query(50, ge=1, le=MOST, description=f"how many, at most {MOST}")]
Cursor = Annotated[Text, Query("", description="`next` of the page before")]
From = Annotated[Moment | None, Query(None, alias="from", description="this moment or later")]
To = Annotated[Moment | None, Query(None, alias="to", description="before this moment")]


def listed(text: str) -> tuple[str, ...]:
    """The values of a parameter, separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def several(description: str) -> Any:
    """A parameter that takes several values, separated by commas."""
    return Query("", description=f"{description}; several separated by commas")


class Body(Schema):
    """A body: a field that is not known is refused, never ignored."""

    model_config = ConfigDict(extra="forbid", strict=True)
