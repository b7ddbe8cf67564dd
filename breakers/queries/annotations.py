"""Marks, as timelines, pages and the API read them."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from breakers.errors import Invalid
from breakers.models import Annotation
from breakers.models.fields import to_us
from breakers.queries.shapes import AnnotationView, Page
from breakers.times import rfc3339

MOST_ON_A_TIMELINE = 200


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose marks; an empty name asks for all."""

    service: str = ""
    breaker: str = ""
    dependency: str = ""

    def marks(self) -> Q:
        """Marks that hold for this scope: those that name it, and those that name nothing there."""
        found = Q()
        for field, name in (("service", self.service), ("breaker", self.breaker), ("dependency", self.dependency)):
            if name:
                found &= Q(**{f"{field}__in": ("", name)})
        return found


def annotations(scope: Scope, start: datetime, end: datetime) -> list[AnnotationView]:
    """The marks that touch [start, end), oldest first; where there are too many, the newest."""
    rows = _touching(start, end).filter(scope.marks()).order_by("-at", "-id")[:MOST_ON_A_TIMELINE]
    return [shown(row) for row in reversed(rows)]


def marks_within(scope: Scope, *windows: tuple[datetime, datetime]) -> tuple[list[list[AnnotationView]], str]:
    """(`annotations()` of each window, the id of the mark that was set last), from one look; the id is empty without one.

    Another id, and timelines are drawn anew.
    """
    marks = Annotation.objects.filter(scope.marks())
    newest = [
        _touching(*window).filter(scope.marks()).order_by("-at", "-id")[:MOST_ON_A_TIMELINE] for window in windows
    ]
    wanted = Q(pk__in=marks.order_by("-id")[:1].values("pk"))
    for some in newest:
        wanted |= Q(pk__in=some.values("pk"))
    rows = list(Annotation.objects.filter(wanted).order_by("at", "id"))
    found = [
        [row for row in rows if row.at < end and (row.at >= start or (row.until is not None and row.until > start))]
        for start, end in windows
    ]
    last = max((row.pk for row in rows), default="")
    return [[shown(row) for row in some[-MOST_ON_A_TIMELINE:]] for some in found], str(last)


def annotations_page(
    scope: Scope,
    *,
    kinds: tuple[str, ...] = (),
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """Marks, newest first. Items are AnnotationView. Errors: Invalid (cursor)."""
    rows = _touching(start, end).filter(scope.marks())
    if kinds:
        rows = rows.filter(kind__in=kinds)
    if cursor:
        at, _, number = cursor.partition(".")
        if not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (at, number)):
            raise Invalid(("cursor", f"the cursor '{cursor[:60]}' is none of ours"))
        rows = rows.filter(Q(at__lt=int(at)) | Q(at=int(at), id__lt=int(number)))
    page = list(rows.order_by("-at", "-id")[: limit + 1])
    last = page[limit - 1] if len(page) > limit else None
    return Page([shown(row) for row in page[:limit]], f"{to_us(last.at)}.{last.pk}" if last else None)


def shown(row: Annotation) -> AnnotationView:
    """A row as the readers get it."""
    return AnnotationView(
        id=str(row.pk),
        kind=row.kind,
        title=row.title,
        at=rfc3339(row.at),
        until=rfc3339(row.until),
        service=row.service or None,
        breaker=row.breaker or None,
        dependency=row.dependency or None,
        url=row.url or None,
        created_by=row.created_by,
        created_at=rfc3339(row.created_at),
    )


def _touching(start: datetime | None, end: datetime | None) -> QuerySet[Annotation]:
    rows = Annotation.objects.all()
    if end is not None:
        rows = rows.filter(at__lt=end)
    if start is not None:
        rows = rows.filter(Q(at__gte=start) | Q(until__gt=start))
    return rows
