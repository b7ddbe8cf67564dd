"""What every page shows: who is signed in, the counts by state, the environment, and the moment it was made."""

from datetime import UTC, datetime

from django.conf import settings
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from breakers import queries
from breakers.access import Role
from dashboard.doubting import Doubt, doubts
from dashboard.live.hub import hub
from dashboard.pages.actors import actor_of
from dashboard.pages.words import Tally, tally


class Page:
    """The frame around a page. The counts are read when the bar is drawn, and not for those who may not see them."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.now = now_of(request)
        self.environment = settings.ENVIRONMENT
        self.path = request.path
        self._tally: Tally | None = None
        self._doubts: list[Doubt] | None = None

    @property
    def actor(self) -> object:
        """Who is signed in."""
        return actor_of(self._request)

    @property
    def may_look(self) -> bool:
        """Whether the bar shows more than the name of the board."""
        return actor_of(self._request).role >= Role.VIEWER

    @property
    def may_order(self) -> bool:
        """Whether this person may give orders and acknowledge."""
        return actor_of(self._request).role >= Role.OPERATOR

    @property
    def may_configure(self) -> bool:
        """Whether this person may set things up."""
        return actor_of(self._request).role >= Role.ADMIN

    @property
    def tally(self) -> Tally:
        """All breakers by state, as a sentence and as counts."""
        if self._tally is None:
            self._tally = tally(self._counts())
        return self._tally

    @property
    def doubts(self) -> list[Doubt]:
        """What is ill with the board itself."""
        if self._doubts is None:
            self._doubts = doubts(self.now, hub.bus_lost_at)
        return self._doubts

    def _counts(self) -> dict[str, int]:
        known: dict[str, int] | None = getattr(self._request, "board_counts", None)
        if known is not None:
            return known
        return queries.counts(queries.CardFilter(), self.now) if self.may_look else {}


def now_of(request: HttpRequest) -> datetime:
    """The moment of this request: one for everything on its page."""
    moment: datetime | None = getattr(request, "moment", None)
    if moment is None:
        moment = datetime.now(UTC)
        request.moment = moment  # type: ignore[attr-defined]
    return moment


def back_to(request: HttpRequest) -> str:
    """Where a form was sent from; on this site only."""
    wish = request.POST.get("next") or request.GET.get("next", "")
    return wish if wish.startswith("/") and url_has_allowed_host_and_scheme(wish, None) else "/"


def page(request: HttpRequest) -> dict[str, object]:
    """Django's context processor: everything about the page stands in `page`."""
    return {"page": Page(request)}
