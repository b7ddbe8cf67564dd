"""The pages of destinations and routes: forms that do what they say, secrets that never come back, links that ask first."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from alerts import links
from alerts.models import Alert, Destination, Route
from breakers import nudging
from breakers.models import Audit
from tests.alerts import receiver as behaviours
from tests.alerts.receiver import Receiver, receiver
from tests.pages.seeding import seed_alerts, seed_story

SignIn = Callable[[str], Client]
pytestmark = [
    pytest.mark.django_db,
    # Apprise 2.2 looks for the module that it replaces.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OUTSIDE = "https://192.0.32.7/hooks/s3cret-path"


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nudging, "nudge", lambda task, *args: None)


@pytest.fixture
def hook(settings: Settings) -> Iterator[Receiver]:
    """A receiver on this machine, and leave to reach it."""
    settings.ALLOW_PRIVATE_TARGETS = True
    with receiver() as one:
        yield one


def text(answer: Any, status: int = 200) -> str:
    """The page's text."""
    assert answer.status_code == status
    return re.sub(r"\s+", " ", answer.content.decode())


def added(client: Client, url: str = OUTSIDE, **more: str) -> Destination:
    """A webhook, set up by its form."""
    answer = client.post("/alerts/destinations/add/webhook/", {"name": "ops", "url": url, **more})
    assert answer.status_code == 302, answer.content.decode()
    return Destination.objects.get(name="ops")


def test_a_webhook_is_set_up_changed_and_deleted(signed_in: SignIn) -> None:
    ada = signed_in("admin")
    assert "told to nobody" in text(ada.get("/alerts/destinations/"))
    row = added(ada, secret=SECRET)
    address = f"/alerts/destinations/{row.pk}/"
    pages = [text(ada.get(path)) for path in (address, "/alerts/destinations/")]
    assert all("https://192.0.32.7/•••" in page for page in pages)
    assert all("s3cret" not in page and SECRET[6:] not in page for page in pages)
    sealed = row.sealed
    ada.post(f"{address}change/", {"verb": "save", "name": "night", "url": "", "secret": ""})
    row.refresh_from_db()
    assert (row.name, row.shown) == ("night", {"url": "https://192.0.32.7/•••", "secret": "•••"})
    ada.post(f"{address}change/", {"verb": "save", "name": "night", "forget-secret": "on"})
    row.refresh_from_db()
    assert row.shown == {"url": "https://192.0.32.7/•••"}
    assert row.sealed != sealed
    ada.post(f"{address}change/", {"verb": "off"})
    assert "Switch on" in text(ada.get(address))
    ada.post(f"{address}change/", {"verb": "remove"})
    assert ada.get(address).status_code == 404
    verbs = Audit.objects.filter(target_kind="destination").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["destination.add", *["destination.change"] * 3, "destination.remove"]


def test_a_url_inside_is_refused_with_the_reason_and_not_sent_back(signed_in: SignIn) -> None:
    answer = signed_in("admin").post(
        "/alerts/destinations/add/webhook/", {"name": "in", "url": "http://127.0.0.1/s3cret", "secret": SECRET}
    )
    page = text(answer, 422)
    assert "the address 127.0.0.1 is private: it must not be reached." in page
    assert "s3cret" not in page
    assert SECRET[6:] not in page
    assert 'value="in"' in page


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_others_look_and_change_nothing(signed_in: SignIn, role: str) -> None:
    ada = signed_in("admin")
    row = added(ada)
    client = signed_in(role)
    page = text(client.get("/alerts/destinations/"))
    # That there is one, and how it does, is for everyone; where it is, for those who set it up.
    for path in ("/alerts/destinations/", f"/alerts/destinations/{row.pk}/"):
        assert [row.masked_url in text(browser.get(path)) for browser in (ada, client)] == [True, False]
    assert f"needs the role admin; you are {role}" in page
    assert "<form" not in text(client.get(f"/alerts/destinations/{row.pk}/")).partition("<main")[2]
    for path, given in (
        ("/alerts/destinations/add/webhook/", {"name": "x", "url": OUTSIDE}),
        (f"/alerts/destinations/{row.pk}/change/", {"verb": "off"}),
        (f"/alerts/destinations/{row.pk}/change/", {"verb": "test"}),
        (f"/alerts/destinations/{row.pk}/change/", {"verb": "remove"}),
        ("/alerts/routes/add/", {"name": "r", "destinations": str(row.pk)}),
    ):
        assert f"is {role}. Nothing was done." in text(client.post(path, given), 403)
    row.refresh_from_db()
    assert (row.off_at, Destination.objects.count(), Route.objects.count()) == (None, 1, 0)


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (behaviours.answers(204), "The test arrived, after"),
        (behaviours.answers(500, b"<script>oops"), "The test did not arrive: answered 500, after"),
        (behaviours.closes, "The test did not arrive: what came back is no HTTP answer, after"),
    ],
    ids=["good", "refused", "hung up"],
)
def test_the_test_button_says_how_it_went(signed_in: SignIn, hook: Receiver, behaviour: Any, said: str) -> None:
    hook.then = behaviour
    ada = signed_in("admin")
    row = added(ada, hook.url)
    page = text(ada.post(f"/alerts/destinations/{row.pk}/change/", {"verb": "test"}))
    assert said in page
    assert len(hook.requests) == 1
    assert "<script>oops" not in page


def test_a_service_has_a_form_of_its_own_words(signed_in: SignIn) -> None:
    ada = signed_in("admin")
    page = text(ada.get("/alerts/destinations/new/apprise/?service=slack"))
    assert re.findall(r'name="token-(\w+)"', page) == ["access_token", "targets"]
    assert page.count('type="password"') == 1
    given = {
        "name": "#ops",
        "service": "slack",
        "token-access_token": "xoxb-1234567890-1234567890-s3cret",
        "token-targets": "#ops",
    }
    answer = ada.post("/alerts/destinations/add/apprise/", given)
    assert answer.status_code == 302, answer.content.decode()
    assert Destination.objects.get().masked_url == "slack://…/•••"
    missing = ada.post("/alerts/destinations/add/apprise/", {"name": "x", "service": "slack"})
    assert "is missing" in text(missing, 422)


def test_a_route_in_words(signed_in: SignIn) -> None:
    ada = signed_in("admin")
    ops = added(ada)
    form = {
        "name": "payments", "service": "pay*", "labels": "team:payments", "destinations": str(ops.pk),
        "after-0": "5", "step-0": str(ops.pk), "repeat": "15, 60", "hours": "on", "days": ["mon", "tue"],
        "from": "08:00", "to": "18:00", "timezone": "Europe/Berlin", "always": "critical",
    }  # fmt: skip
    assert ada.post("/alerts/routes/add/", form).status_code == 302
    row = Route.objects.get()
    assert (row.matchers, row.steps, row.repeat_s, row.always) == (
        {"service": "pay*", "labels": {"team": "payments"}},
        [{"after_s": 300, "destinations": [str(ops.pk)]}],
        [900, 3600],
        ["critical"],
    )
    page = text(ada.get("/alerts/destinations/"))
    assert "service pay*, label team payments" in page
    assert "mon, tue 08:00–18:00 Europe/Berlin" in page
    # The form shows what it was given, and saves the same again.
    shown = text(ada.get(f"/alerts/routes/{row.pk}/"))
    assert 'name="labels" value="team:payments"' in shown
    before = Route.objects.values().get()
    ada.post(f"/alerts/routes/{row.pk}/save/", {**form, "verb": "save"})
    assert Route.objects.values().get() == before
    wrong = ada.post(f"/alerts/routes/{row.pk}/save/", {**form, "verb": "save", "labels": "team"})
    assert "&#x27;team&#x27; is no label; expected key:value" in text(wrong, 422)
    ada.post(f"/alerts/routes/{row.pk}/save/", {"verb": "off"})
    assert Route.objects.get().off_at is not None
    ada.post(f"/alerts/routes/{row.pk}/save/", {"verb": "remove"})
    assert Route.objects.count() == 0


def test_the_trail_of_a_destination(signed_in: SignIn) -> None:
    seed_alerts(seed_story(datetime.now(UTC)), datetime.now(UTC))
    row = Destination.objects.get(name="ops-hook")
    page = text(signed_in("viewer").get(f"/alerts/destinations/{row.pk}/"))
    assert "answered 503 for 24 hours" in page
    assert "refused 503, 240 ms: answered 503" in page


@pytest.fixture
def link() -> str:
    """The address in a message about an alert that fires."""
    seed_alerts(seed_story(datetime.now(UTC)), datetime.now(UTC))
    alert = Alert.objects.get(status="firing")
    return f"/acknowledge/{links.token_of(alert.pk, Destination.objects.get())}/"


def test_a_preview_of_the_link_takes_nothing_in_hand(client: Client, link: str) -> None:
    for look in (client.get, client.head, client.options):
        answer = look(link)
        assert answer.status_code in {200, 405}
    assert "Take it in hand" in text(client.get(link))
    assert Alert.objects.filter(status="firing").count() == 1
    assert Audit.objects.filter(verb="alert.acknowledge").count() == 0


def test_its_button_does(link: str) -> None:
    client = Client(enforce_csrf_checks=True)
    page = client.get(link).content.decode()
    [token] = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert client.post(link, {"comment": "mine"}).status_code == 403, "a page of another site can't press it"
    answer = client.post(link, {"comment": "on my way", "csrfmiddlewaretoken": token})
    assert "It is in hand" in text(answer)
    alert = Alert.objects.get(acknowledged_comment="on my way")
    assert (alert.status, alert.acknowledged_by) == ("acknowledged", "ops-hook (by its link)")
    line = Audit.objects.filter(verb="alert.acknowledge").latest("id")
    assert (line.actor, line.reason, line.address) == ("ops-hook (by its link)", "on my way", "127.0.0.1")


def test_whoever_is_signed_in_acts_under_their_own_name(signed_in: SignIn, link: str) -> None:
    grace = signed_in("operator")
    assert "As grace." in text(grace.get(link))
    grace.post(link, {"comment": "mine now"})
    assert Alert.objects.get(acknowledged_comment="mine now").acknowledged_by == "grace"


def test_a_link_that_is_over(client: Client, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _, rest = link.rstrip("/").rpartition("/")
    for bad in (f"{path}/{rest[:-1]}x/", f"{path}/x/", f"{path}/{rest.split(':')[0]}/"):
        assert "This link is over" in text(client.get(bad), 410)
        assert client.post(bad).status_code == 410
    monkeypatch.setattr(links, "GOOD_FOR_S", -1)
    assert "older than a day" in text(client.get(link), 410)
    monkeypatch.undo()
    monkeypatch.setattr(nudging, "nudge", lambda task, *args: None)
    Destination.objects.update(off_at=datetime.now(UTC))
    assert "is gone" in text(client.post(link), 410)
    assert Alert.objects.filter(status="firing").count() == 1


def test_the_worker_of_pushed_messages_lies_at_the_root(client: Client) -> None:
    answer = client.get("/push-worker.js")
    assert (answer.status_code, answer["Content-Type"], answer["Cache-Control"]) == (
        200,
        "text/javascript; charset=utf-8",
        "no-cache",
    )
