"""Eve at the doors of a running board: who is let in, the sign-in, and what caches and frames may do.

Who may do what at which address is held by test_every_address.py, without a board.
"""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.api.test_roles import ROUTES
from tests.board import Board
from tests.security.doors import all_doors
from tests.security.people import PASSWORD, Browser, Service, come_in, script
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

NAMED = re.compile(r"\{(\w+)\}")
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
        """Every address that can be looked at, of those that this board has something to show at."""
        ids = {"breaker": self.breaker, "alert": self.alert}
        shut = [door.path for door in all_doors() if door.reads and not door.refuses]
        told = [path for method, path, *_, status in ROUTES if (method, status) == ("GET", 200)]
        found = [path for path in (*shut, *(f"/api/v1{path}" for path in told)) if set(NAMED.findall(path)) <= set(ids)]
        return [NAMED.sub(lambda name: ids[name[1]], path) for path in found]


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


def test_no_spelling_of_an_id_breaks_the_server(site: Site) -> None:
    ada = site.people["admin"]
    for bad in BAD_IDS:
        for path in (
            f"/breakers/{bad}/", f"/breakers/{bad}/order/", f"/alerts/{bad}/", f"/services/{bad}/", f"/welcome/{bad}/", f"/{bad}",
            f"/api/v1/breakers/{bad}", f"/api/v1/alerts/{bad}", f"/api/v1/commands/{bad}", f"/static/{bad}", f"/screen/{bad}/",
        ):  # fmt: skip
            assert 400 <= ada.get(path).status_code < 500, path


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
        # Whoever passes the request on need not say that it came encrypted: the site's address does.
        for path in ("/sign-in/", "/static/img/favicon.svg", "/api/v1/openapi.json"):
            assert httpx.get(board.url + path).headers["strict-transport-security"].startswith("max-age=31536000"), path
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
