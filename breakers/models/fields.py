"""Moments: times as whole microseconds since 1970 in UTC, the same on both databases.

Raw SQL computes with the numbers; Python reads and writes aware datetimes.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.expressions import Combinable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """Microseconds since 1970 of an aware datetime, exactly."""
    return (at - EPOCH) // MICROSECOND


def from_us(us: int) -> datetime:
    """The aware datetime of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=us)


if TYPE_CHECKING:
    from typing import TypeVar

    SET = TypeVar("SET", contravariant=True)
    GET = TypeVar("GET", covariant=True)

    class MomentBase(models.BigIntegerField[SET, GET]):
        """What django-stubs reads of a field: what may be set, what is got, what is looked up."""

        _pyi_private_set_type: datetime | Combinable  # type: ignore[assignment]
        _pyi_private_get_type: datetime  # type: ignore[assignment]
        _pyi_lookup_exact_type: datetime  # type: ignore[assignment]
else:
    MomentBase = models.BigIntegerField


class MomentField(MomentBase):  # type: ignore[type-arg]
    """A datetime for Python, a bigint of microseconds for the database."""

    def from_db_value(self, value: int | None, expression: object, connection: object) -> datetime | None:
        return None if value is None else from_us(value)

    def to_python(self, value: Any) -> datetime | None:
        return value if value is None or isinstance(value, datetime) else from_us(int(value))

    def get_prep_value(self, value: Any) -> int | None:
        return to_us(value) if isinstance(value, datetime) else super().get_prep_value(value)

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        """Any datetime that Python holds fits."""
