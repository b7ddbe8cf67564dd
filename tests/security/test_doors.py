"""Eve at the doors: every address as every role, writes from another site, the sign-in, and what caches and frames may do."""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.board import Board
from tests.security.people import PASSWORD, Browser, Service, come_in, script
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

OPEN_TO_ALL = {"/sign-in/", "/livez", "/readyz", "/api/v1/docs", "/api/v1/openapi.json"}
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}
BAD_IDS = ("%00", "a%00b", "..%2f..%2fetc%2fpasswd", "9" * 30, "-1", "%ff%fe", "%F0%9F%98%80", "٣", "1%0a")
ELSEWHERE = (
    "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil", "javascript:alert(1)", "http:evil.example",
    "///evil.example", "http://\n/evil", "//127.0.0.1@evil.example", "-1", "wall", "a\0b",
)  # fmt: skip


@dataclass
class Site:
    """A board with a breaker, an alert, and a person of each role in it."""

    board: Board
    orders: Service
    ada: httpx.Client
    breaker: str = ""
    alert: str = ""
    people: dict[str, Browser] = field(default_factory=dict)

    @property
    def pages(self) -> list[str]:
        """Every address that can be looked at."""
        one, other = f"/breakers/{self.breaker}/", f"/api/v1/breakers/{self.breaker}"
        return [
            *("/", "/screen/", "/completions.json", "/alerts/", "/audit/", f"/alerts/{self.alert}/", "/metrics"),
            *("/alerts/on-call/", "/alerts/on-call/new/", "/alerts/destinations/", "/api/v1/rotas", "/api/v1/people"),
            *("/map/", "/map.json", "/marks/", "/connect/", "/connect.json?service=orders", "/past/wall.json"),
            *("/dependency/?name=tracking", "/dependency.json?name=tracking"),
            *(
                one + rest
                for rest in ("", "order/", "timeline.json", "timeline.html", "news.json", "events/", "past.json")
            ),
            *("/services/", "/services/orders/"),
            *(other + rest for rest in ("", "/timeline?instances=1", "/events")),
            *(
                f"/api/v1/{noun}"
                for noun in ("breakers", "alerts", f"alerts/{self.alert}", "services", "annotations", "audit")
            ),
        ]

    @property
    def writes(self) -> list[tuple[str, str, Any, str]]:
        """Every write of the API with a session, and the role that it wants."""
        return [
            ("POST", f"/api/v1/breakers/{self.breaker}/commands", {"action": "probe", "reason": "Eve"}, "operator"),
            ("POST", f"/api/v1/alerts/{self.alert}/acknowledge", {}, "operator"),
            ("POST", f"/api/v1/alerts/{self.alert}/unacknowledge", {}, "operator"),
            ("POST", "/api/v1/notifications/1/resend", None, "operator"),
            ("POST", "/api/v1/annotations", {"kind": "note", "title": "Eve"}, "operator"),
            ("PATCH", f"/api/v1/breakers/{self.breaker}", {"headline": "all"}, "admin"),
            ("DELETE", f"/api/v1/breakers/{self.breaker}/instances/pod", None, "admin"),
            ("POST", "/api/v1/services", {"name": "eves"}, "admin"),
            ("POST", "/api/v1/services/orders/keys", {}, "admin"),
            ("PATCH", "/api/v1/services/orders", {"paused": True}, "admin"),
            ("DELETE", "/api/v1/services/orders/keys/abcdefgh", None, "admin"),
        ]

    @property
    def forms(self) -> list[str]:
        """Every form of the pages."""
        return [
            f"/breakers/{self.breaker}/order/",
            f"/alerts/{self.alert}/acknowledge/",
            f"/alerts/{self.alert}/unacknowledge/",
            f"/alerts/{self.alert}/notifications/1/resend/",
            *("/views/", "/views/1/delete/", "/density/", "/screens/", "/screens/1/revoke/"),
            "/marks/",
            "/alerts/on-call/add/",
            "/alerts/on-call/people/ada/reach/",
            "/connect/",
            *("/services/", "/services/orders/"),
            "/sign-out/",
        ]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One for all of them."""
    with Board(ready_within=120) as board:
        ada = script(board)
        site = Site(board, Service(board, "orders"), ada)
        site.orders.post({"type": "state_change", "breaker": "tracking", "to_state": "open", "instance": "pod"})
        site.breaker = ada.get("/api/v1/breakers").json()["items"][0]["id"]
        alerts = wait_for(lambda: ada.get("/api/v1/alerts").json()["items"], 30, "the alert", every=0.2)
        site.alert = alerts[0]["id"]
        site.people = {role: come_in(board, f"a-{role}", role) for role in ("viewer", "operator", "admin")}
        yield site


def test_strangers_see_the_door_alone(site: Site) -> None:
    stranger = Browser(site.board)
    for path in site.pages:
        answer = stranger.get(path)
        if path.startswith(("/api", "/metrics")):
            assert answer.status_code == 401, path
        else:
            assert (answer.status_code, answer.headers["location"]) == (302, f"/sign-in/?next={quote(path)}"), path
    assert {path for path in OPEN_TO_ALL if stranger.get(path).status_code == 200} == OPEN_TO_ALL


def test_every_answer_says_that_nobody_keeps_frames_or_guesses_it(site: Site) -> None:
    ada = site.people["admin"]
    missing = ["/nope", "/breakers/999999/", "/api/v1", "/api/v1/nope", "/sign-out/", "/welcome/none/"]
    for path in [*site.pages, *OPEN_TO_ALL, *missing]:
        answer = ada.get(path)
        assert answer.status_code < 500, path
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, path
        assert "no-store" in answer.headers.get("cache-control", ""), path
        policy = answer.headers["content-security-policy"]
        assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy.split("; ")), path
        assert not re.search("unsafe|http|\\*", policy), path
    edge = site.orders.http.get("/api/v1/commands", params={"instance": "pod-x"})
    assert (edge.headers["cache-control"], edge.headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_no_spelling_of_an_id_or_a_parameter_breaks_a_page(site: Site) -> None:
    ada = site.people["admin"]
    for bad in BAD_IDS:
        for path in (
            f"/breakers/{bad}/", f"/breakers/{bad}/order/", f"/alerts/{bad}/", f"/services/{bad}/", f"/welcome/{bad}/", f"/{bad}",
            f"/api/v1/breakers/{bad}", f"/api/v1/alerts/{bad}", f"/api/v1/commands/{bad}", f"/static/{bad}", f"/screen/{bad}/",
        ):  # fmt: skip
            assert 400 <= ada.get(path).status_code < 500, path
        for path in (
            f"/?q={bad}&service={bad}&state={bad}&dependency={bad}", f"/?cursor={bad}", f"/audit/?actor={bad}&verb={bad}",
            f"/?query={bad}&by={bad}&all={bad}", f"/screen/?query={bad}", f"/completions.json?field={bad}&prefix={bad}",
            f"/audit/?cursor={bad}", f"/services/?cursor={bad}", f"/alerts/?cursor={bad}&tab={bad}", f"/api/v1/breakers?q={bad}&label={bad}:{bad}",
            f"/api/v1/breakers?cursor={bad}", f"/api/v1/audit?cursor={bad}&from={bad}", f"/api/v1/alerts?breaker={bad}",
            f"/map/?q={bad}&only={bad}&at={bad}", f"/dependency/?name={bad}", f"/marks/?breaker={bad}&cursor={bad}",
            f"/connect/?service={bad}&since={bad}&library={bad}", f"/?at={bad}", f"/breakers/{site.breaker}/?at={bad}",
            f"/breakers/{site.breaker}/?from={bad}&to={bad}", f"/breakers/{site.breaker}/events/?type={bad}&before={bad}",
            f"/breakers/{site.breaker}/events/?cursor={bad}", f"/api/v1/annotations?cursor={bad}&kind={bad}",
            f"/breakers/{site.breaker}/?range={bad}", f"/breakers/{site.breaker}/order/?action={bad}&minutes={bad}",
            f"/api/v1/breakers/{site.breaker}/timeline?points={bad}&from={bad}", f"/sign-in/?next={bad}",
        ):  # fmt: skip
            assert ada.get(path).status_code < 500, path


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_another_site_can_write_nothing_with_a_cookie(site: Site, role: str) -> None:
    browser = site.people[role].http
    for origin in ({"Origin": "https://evil.example"}, {}, {"Origin": "null"}):
        for method, path, body, _ in site.writes:
            assert browser.request(method, path, json=body, headers=origin).status_code == 403, path
        for path in site.forms:
            assert browser.post(path, data={"action": "probe", "reason": "Eve"}, headers=origin).status_code == 403, (
                path
            )


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_a_role_writes_what_it_may_and_no_more(site: Site, role: str) -> None:
    browser = site.people[role]
    token = (
        browser.csrf
        if role == "operator"
        else re.findall(r'csrfmiddlewaretoken" value="([^"]+)', browser.get("/").text)[0]
    )
    refused = {
        path: browser.http.request(method, path, json=body, headers={"X-CSRFToken": token}).status_code == 403
        for method, path, body, _ in site.writes
    }
    assert refused == {path: role == "viewer" or wanted == "admin" for _, path, _, wanted in site.writes}


def test_signing_out_is_no_link(site: Site) -> None:
    grace = Browser(site.board)
    assert grace.sign_in("a-operator").status_code == 302
    assert grace.get("/sign-out/").status_code == 405
    assert grace.get("/").status_code == 200
    cookies = dict(grace.http.cookies)
    assert grace.form("/sign-out/", page="/").status_code == 302
    stolen = Browser(site.board)
    stolen.http.cookies.update(cookies)
    assert stolen.get("/").status_code == 302


def test_the_door_leads_nowhere_else(site: Site) -> None:
    ada = site.people["admin"]
    for wish in ELSEWHERE:
        answer = ada.get("/sign-in/", params={"next": wish})
        assert (answer.status_code, answer.headers["location"]) == (302, "/"), wish
    assert ada.get("/sign-in/?next=/alerts/").headers["location"] == "/alerts/"
    asked = Browser(site.board, Host="evil.example").get("/sign-in/?next=http://evil.example/x").text
    assert "evil.example" not in asked


def test_a_session_begins_anew_at_the_door(site: Site) -> None:
    eve = Browser(site.board)
    name = next(cookie for cookie in site.people["viewer"].http.cookies if "session" in cookie)
    eve.http.cookies.set(name, "a" * 32, domain="127.0.0.1", path="/")
    assert eve.sign_in("a-viewer").status_code == 302
    assert [cookie.value for cookie in eve.http.cookies.jar if cookie.name == name and cookie.value == "a" * 32] == []


def test_a_name_that_is_not_there_sounds_like_one_that_is(site: Site) -> None:
    told = {name: Browser(site.board).sign_in(name, "wrong wrong wrong") for name in ("a-viewer", "b-viewer")}
    plain = {re.sub(r'value="[^"]*"', "", answer.text) for answer in told.values()}
    assert {answer.status_code for answer in told.values()} == {401}
    assert len(plain) == 1


def test_nobody_chooses_the_address_that_is_written_down(site: Site) -> None:
    liar = {"X-Forwarded-For": "6.6.6.6", "X-Real-IP": "6.6.6.6", "Forwarded": "for=6.6.6.6"}
    ada = site.ada
    ada.post(f"/api/v1/alerts/{site.alert}/acknowledge", json={}, headers=liar)
    assert ada.get("/api/v1/audit?limit=1").json()["items"][0]["address"] == "127.0.0.1"
    tries = [
        Browser(site.board, **{"X-Forwarded-For": f"6.6.6.{n}"}).sign_in(f"nobody-{n}", "wrong wrong").status_code
        for n in range(12)
    ]
    assert tries.count(401) <= 10
    assert tries[-1] == 429


def test_a_link_raced_by_many_lets_one_in(site: Site) -> None:
    link = site.board.person("raced", "operator")
    browsers = [Browser(site.board) for _ in range(6)]
    tokens = [re.search(r'csrfmiddlewaretoken" value="([^"]+)', browser.get(link).text) for browser in browsers]

    def use(place: int) -> int:
        password = f"{PASSWORD} {place}"
        fields = {"csrfmiddlewaretoken": tokens[place][1], "password": password, "again": password}  # type: ignore[index]
        return browsers[place].http.post(link, data=fields).status_code

    with ThreadPoolExecutor(6) as threads:
        assert sorted(threads.map(use, range(6))) == [302, 410, 410, 410, 410, 410]
    assert Browser(site.board).get(link).status_code == 410


def test_sockets_open_for_our_own_pages_alone(site: Site) -> None:
    url = site.board.url.replace("http", "ws") + "/ws/live/"
    cookies = "; ".join(f"{name}={value}" for name, value in site.people["viewer"].http.cookies.items())

    async def code(**headers: str) -> int:
        """403 at the handshake, the code that it is closed with, or 0 where it stays open."""
        try:
            async with connect(url, additional_headers=headers) as socket:
                await asyncio.wait_for(socket.wait_closed(), 0.7)
                return socket.close_code or 1
        except InvalidStatus as refused:
            return refused.response.status_code
        except TimeoutError:
            return 0

    async def all_of_them() -> list[int]:
        return [
            await code(Cookie=cookies, Origin="https://evil.example"),
            await code(Cookie=cookies, Origin="null"),
            await code(Cookie=cookies),
            await code(Origin=site.board.url),
            await code(Authorization="Bearer bbt_nothing", Origin=site.board.url),
            await code(Cookie=cookies, Origin=site.board.url),
        ]

    assert asyncio.run(all_of_them()) == [403, 403, 403, 4401, 4401, 0]


def test_cookies_of_an_https_site_stay_on_it() -> None:
    with Board(SITE_URL="https://board.example.com", TRUSTED_PROXIES="127.0.0.1", ready_within=120) as board:
        told = httpx.get(
            f"{board.url}/sign-in/",
            headers={"Host": "board.example.com", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"},
        )
        (cookie,) = told.headers.get_list("set-cookie")
        assert cookie.startswith("__Host-bb_csrf=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert told.headers["strict-transport-security"].startswith("max-age=31536000")
        link = board.person("far", "viewer").replace("https://board.example.com", board.url)
        far = Browser(board, **{
            "Host": "board.example.com", "Origin": "https://board.example.com",
            "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7",
        })  # fmt: skip
        page = far.get(link)
        token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', page.text)
        assert token is not None
        # Secure cookies do not travel by themselves to our plain port.
        sent = "; ".join(each.split(";")[0] for each in page.headers.get_list("set-cookie"))
        fields = {"csrfmiddlewaretoken": token[1], "password": PASSWORD, "again": PASSWORD}
        came = far.http.post(link, data=fields, headers={"Cookie": sent})
        assert came.status_code == 302
        session = next(each for each in came.headers.get_list("set-cookie") if "session" in each)
        assert session.startswith("__Host-bb_session=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(session.split("; "))
        audit = script(board).get("/api/v1/audit?verb=user.welcome").json()["items"]
        assert audit[0]["address"] == "192.0.2.7"
