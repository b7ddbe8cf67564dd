"""Reading: the calendars of rotas, given as a text or fetched from an address, read ahead for some weeks.

A calendar that can't be fetched or read changes nothing: the last good one stays and says who is on call; the rota's page says
since when that is old, and it is asked for again, rarer and rarer.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from alerts import calendars
from alerts.calendars import BadCalendar
from alerts.destinations import board, guard
from alerts.errors import BadTarget, DeliveryError
from alerts.models import Rota
from alerts.models.destination import Kind
from breakers import bulk
from breakers.errors import Invalid, Unreadable
from breakers.models.fields import to_us
from breakers.sealing import place_of, seal, unseal

# Of a rota's row, what is written here.
FIELDS = (
    "calendar", "calendar_url", "calendar_shown", "shifts",
    "read_at", "read_until", "read_due_at", "read_failures", "read_error", "read_warning",
)  # fmt: skip
FETCHED_EACH = timedelta(minutes=15)
# A text does not change, but the time that it was read ahead for goes by.
READ_EACH = timedelta(days=1)
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
# While one reads it, others leave it alone; if that one is lost, it is read then.
LEASE = timedelta(minutes=2)
LONGEST_URL = 2_000


def take(row: Rota, text: object, url: object, at: datetime) -> None:
    """Give the rota another calendar, or none; it is read at once. The caller saves it. Errors: Invalid, BadTarget, BadCalendar."""
    if url and text:
        raise Invalid(("calendar", "a calendar is given as a text or by its address, not both"))
    for field, value in (("calendar", text), ("calendar_url", url)):
        if value is not None and (not isinstance(value, str) or "\0" in value):
            raise Invalid((field, f"'{field}' is a text without NUL"))
    if isinstance(url, str) and url:
        url = _checked(url.strip())
        row.calendar_url, row.calendar_shown = seal(url, place_of(row, "calendar_url")), board.masked(Kind.WEBHOOK, url)
        try:
            text = fetched(url)
        except DeliveryError as error:
            raise Invalid(("calendar_url", f"the calendar can't be fetched: {error}")) from None
    else:
        row.calendar_url, row.calendar_shown = "", ""
    row.calendar = str(text or "")
    again(row, at)


def again(row: Rota, at: datetime) -> None:
    """Read the calendar that the row holds anew. Errors: BadCalendar."""
    row.read_failures, row.read_error, row.read_warning = 0, "", ""
    if not row.calendar:
        row.shifts, row.read_at, row.read_until, row.read_due_at = [], None, None, None
        return
    row.shifts, row.read_until, row.read_warning = read(row.calendar, row.timezone, at)
    row.read_at, row.read_due_at = at, at + (FETCHED_EACH if row.calendar_url else READ_EACH)


def read(text: str, timezone: str, at: datetime) -> tuple[list[dict[str, object]], datetime, str]:
    """What a calendar says of the next weeks, up to when, and what of it could not be read. Errors: BadCalendar."""
    begins, ends = calendars.horizon(at)
    said = calendars.read(text, timezone, begins, ends)
    told: list[dict[str, object]] = [
        {"from": to_us(each.begins), "to": to_us(each.ends), "title": each.title, "texts": list(each.texts)}
        for each in said.events
    ]
    return told, ends, said.warning


def due(now: datetime) -> list[UUID]:
    """Rotas whose calendar is to be read again."""
    return list(Rota.objects.filter(read_due_at__lte=now).order_by("read_due_at").values_list("pk", flat=True))


def refresh(rota_id: UUID, now: datetime) -> None:
    """Fetch and read the calendar of one rota, if that is due. How it fails is written down, not raised."""
    if not Rota.objects.filter(pk=rota_id, read_due_at__lte=now).update(read_due_at=now + LEASE):
        return
    row = Rota.objects.get(pk=rota_id)
    sealed, told, ends, error, warning = row.calendar_url, None, None, "", ""
    text = row.calendar
    try:
        text = fetched(unseal(sealed, place_of(row, "calendar_url"))) if sealed else text
        told, ends, warning = read(text, row.timezone, now)
    except (DeliveryError, BadCalendar, Unreadable) as failed:
        error = str(failed)[:500]
    with bulk.writing():
        # Given another one meanwhile: that was read when it was given.
        row = Rota.objects.filter(pk=rota_id, calendar_url=sealed, read_due_at=now + LEASE).first() or Rota()
        if row._state.adding:
            return
        if told is None:
            row.read_failures, row.read_error = row.read_failures + 1, error
            row.read_due_at = now + min(FIRST_WAIT * 2 ** min(row.read_failures - 1, 10), LONGEST_WAIT)
        else:
            row.calendar, row.shifts, row.read_at, row.read_until = text, told, now, ends
            row.read_failures, row.read_error, row.read_warning = 0, "", warning
            row.read_due_at = now + (FETCHED_EACH if sealed else READ_EACH)
        row.save(update_fields=FIELDS)


def fetched(url: str) -> str:
    """The text at a calendar's address. Errors: DeliveryError."""
    headers = {"User-Agent": "Breakerboard", "Accept": "text/calendar"}
    answer = guard.get(url, headers, most=calendars.LONGEST, allow_private=settings.ALLOW_PRIVATE_TARGETS)
    if answer.status_code != 200:
        raise DeliveryError(f"its address answered {answer.status_code}", status_code=answer.status_code)
    if len(answer.body) > calendars.LONGEST:
        raise DeliveryError(f"it is larger than {calendars.LONGEST // 1024} KiB")
    return calendars.text_of(answer.body)


def _checked(url: str) -> str:
    """The address, in the web's spelling. Errors: BadTarget."""
    if url.lower().startswith("webcal://"):
        url = f"https://{url[len('webcal://') :]}"
    if len(url) > LONGEST_URL:
        raise BadTarget(BadTarget.BAD_URL, f"an address has at most {LONGEST_URL} characters", "calendar_url")
    try:
        guard.check(url, allow_private=settings.ALLOW_PRIVATE_TARGETS)
    except DeliveryError as error:
        code = BadTarget.PRIVATE_ADDRESS if error.forbidden else BadTarget.BAD_URL
        raise BadTarget(code, str(error), "calendar_url") from None
    return url
