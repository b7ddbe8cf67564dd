"""The guard: what it lets through, and how little of our time and memory a hostile receiver gets."""

import gzip
import socket
import ssl
import threading
import time
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import pytest

from alerts.destinations import guard, names
from alerts.destinations.addresses import forbidden
from alerts.errors import DeliveryError
from tests.alerts import receiver as behaviours
from tests.alerts.receiver import Receiver, certificate, receiver

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "2a00:1450:4001:81b::200e", "::ffff:93.184.216.34"]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:7f00:1",
]
SHUT = [
    "0.0.0.0",
    "0.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::127.0.0.1",
    "::10.0.0.1",
    "::ffff:0:127.0.0.1",
    "::ffff:0:a9fe:a9fe",
    "1::1",
    "4000::1",
    "fe00::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001:0:7f00:1::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::",
    "3fff::1",
    "5f00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "::ffff:169.254.169.254",
    "::ffff:168.63.129.16",
    "no address",
]
# One address, 127.0.0.1, in spellings that a filter of texts would miss.
SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "localhost",
    "LOCALHOST",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert forbidden(address, allow_private=False) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_the_setting(address: str) -> None:
    assert forbidden(address, allow_private=False) == "private"
    assert forbidden(address, allow_private=True) is None


@pytest.mark.parametrize("address", SHUT)
@pytest.mark.parametrize("allow_private", [False, True])
def test_addresses_that_no_setting_opens(address: str, allow_private: bool) -> None:
    assert forbidden(address, allow_private=allow_private)


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_loopback_is_reached(host: str, hook: Receiver) -> None:
    with pytest.raises(DeliveryError) as caught:
        guard.post(f"http://{host}:{hook.port}/", {}, b"{}")
    assert hook.connections == 0
    assert not caught.value.arrived


def test_that_it_could_have_been_reached(hook: Receiver) -> None:
    reached = [host for host in ("127.1", "localhost", "2130706433") if _reaches(host, hook)]
    assert reached == ["127.1", "localhost", "2130706433"]


def _reaches(host: str, hook: Receiver) -> bool:
    return guard.post(f"http://{host}:{hook.port}/", {}, b"{}", allow_private=True).status_code == 200


def test_one_bad_address_among_good_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolves_to(monkeypatch, ["93.184.216.34", "10.0.0.5"])
    with pytest.raises(DeliveryError, match=r"the address 10\.0\.0\.5 is private: it must not be reached") as caught:
        guard.post("https://hooks.example.org/", {}, b"{}")
    assert caught.value.permanent


def test_a_name_that_changes_its_mind_between_judgement_and_connection(
    monkeypatch: pytest.MonkeyPatch, hook: Receiver
) -> None:
    """The judged address is the one that is connected to: a second answer of the resolver is never asked for."""
    asked: list[str] = []

    def rebinding(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1" if len(asked) == 1 else "127.0.0.1", 0))]

    monkeypatch.setattr(guard.socket, "getaddrinfo", rebinding)
    with pytest.raises(DeliveryError, match="reserved"):
        guard.post(f"http://rebind.example:{hook.port}/", {}, b"{}")
    assert (asked, hook.connections) == (["rebind.example"], 0)


def test_the_second_address_is_tried_where_the_first_refuses(monkeypatch: pytest.MonkeyPatch, hook: Receiver) -> None:
    _resolves_to(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    answer = guard.post(f"http://two.example:{hook.port}/", {}, b"{}", trusted=True)
    assert (answer.status_code, answer.address) == (200, "127.0.0.1")


def test_a_resolver_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard.socket, "getaddrinfo", lambda *_, **__: time.sleep(0.5))
    with pytest.raises(DeliveryError, match="did not resolve"):
        names.resolve("slow.example", 80, 0.05)


def test_a_name_whose_look_up_hangs_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as it is asked for, it takes one of the threads that look names up."""
    hangs = threading.Event()
    asked: list[str] = []

    def lookup(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        if host == "hangs.example":
            hangs.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]

    monkeypatch.setattr(guard.socket, "getaddrinfo", lookup)
    try:
        for _ in range(40):
            with pytest.raises(DeliveryError, match="did not resolve"):
                names.resolve("hangs.example", 443, 0.01)
        assert names.resolve("well.example", 443, 5) == ["192.0.2.1"]
        assert asked == ["hangs.example", "well.example"]
    finally:
        hangs.set()
    # What was answered is not kept: the next one asks anew.
    names.resolve("hangs.example", 443, 5)
    before = len(asked)
    names.resolve("hangs.example", 443, 5)
    assert asked[before:] == ["hangs.example"]


def test_a_name_that_is_not() -> None:
    with pytest.raises(DeliveryError, match="the name does not resolve"):
        guard.post("http://no-such-name.invalid/", {}, b"{}")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://hooks.example.org/", "begins with 'ftp'; expected http:// or https://"),
        ("file:///etc/passwd", "begins with 'file'"),
        ("gopher://hooks.example.org/", "begins with 'gopher'"),
        ("https:///path", "can't be read|expected http"),
        ("https://ada:pw@hooks.example.org/", "holds a name or password"),
        ("https://hooks.example.org:22/", "port 22 is not one"),
        ("https://hooks.example.org:6379/", "port 6379 is not one"),
        ("http://[::1/", "can't be read"),
        ("", "expected http"),
    ],
)
def test_urls_that_are_refused_before_anything_is_asked(url: str, says: str) -> None:
    with pytest.raises(DeliveryError, match=says) as caught:
        guard.post(url, {}, b"{}")
    assert caught.value.permanent
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("behaviour", "says", "arrived"),
    [
        (behaviours.hangs, "no answer within 1 s", True),
        (behaviours.drips_headers, "no answer within 1 s", True),
        (behaviours.closes, "no HTTP answer|connection broke", True),
        (behaviours.babbles, "no HTTP answer", True),
        (behaviours.endless_head, "no HTTP answer", True),
        (behaviours.says_999, "no HTTP answer", True),
        (behaviours.hangs_up_in_the_head, "no HTTP answer", True),
    ],
)
def test_receivers_that_do_not_answer(hook: Receiver, behaviour: Any, says: str, arrived: bool) -> None:
    hook.then = behaviour
    begun = time.monotonic()
    with pytest.raises(DeliveryError, match=says) as caught:
        guard.post(hook.url, {}, b"{}", trusted=True, deadline_s=1)
    assert time.monotonic() - begun < 2
    assert (caught.value.arrived, caught.value.permanent, caught.value.address) == (arrived, False, "127.0.0.1")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("behaviour", [behaviours.drips_body, behaviours.floods, behaviours.bombs])
def test_answers_that_never_end(hook: Receiver, behaviour: Any) -> None:
    """The status was said: that is the answer, and little of the rest is read."""
    hook.then = behaviour
    # Not by what the process takes up: that grows with other threads and by the allocator's leave.
    tracemalloc.start()
    try:
        begun = time.monotonic()
        answer = guard.post(hook.url, {}, b"{}", trusted=True, deadline_s=1)
        took, (_, most) = time.monotonic() - begun, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status_code == 200
    assert len(answer.text) <= 1024
    assert took < 2
    assert most < 5_000_000


def test_a_bomb_that_is_unpacked_would_be_seen() -> None:
    tracemalloc.start()
    try:
        assert len(gzip.decompress(behaviours.BOMB)) == 10_000_000
        assert tracemalloc.get_traced_memory()[1] > 5_000_000
    finally:
        tracemalloc.stop()


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(DeliveryError, match="the connection was refused") as caught:
        guard.post(f"http://127.0.0.1:{port}/", {}, b"{}", trusted=True)
    assert not caught.value.arrived


def test_a_redirect_is_an_answer_and_nothing_more(hook: Receiver) -> None:
    hook.then = behaviours.answers(302, headers=f"Location: {hook.url}/elsewhere\r\n")
    assert guard.post(hook.url, {}, b"{}", trusted=True).status_code == 302
    assert len(hook.requests) == 1


def test_no_proxy_of_the_environment_is_used(hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert guard.post(hook.url, {}, b"{}", trusted=True).status_code == 200


def test_tls_that_is_none(hook: Receiver) -> None:
    with pytest.raises(DeliveryError, match="no connection in time") as caught:
        guard.post(hook.url.replace("http:", "https:"), {}, b"{}", trusted=True, deadline_s=1)
    assert (hook.requests, caught.value.arrived) == ([], False)


@pytest.mark.machine_clock
@pytest.mark.parametrize(
    ("name", "days", "trusts", "says"),
    [
        ("localhost", 1, False, "certificate is not good: self-signed certificate"),
        ("localhost", -1, True, "certificate is not good: certificate has expired"),
        ("other.example", 1, True, "certificate is not good: Hostname mismatch"),
        ("localhost", 1, True, None),
    ],
)
def test_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, days: int, trusts: bool, says: str | None
) -> None:
    chain = certificate(tmp_path, name, days)
    context = guard._ssl_context()
    if trusts:
        context = ssl.create_default_context(cafile=chain)
    monkeypatch.setattr(guard, "_ssl_context", lambda: context)
    with receiver(chain) as hook:
        url = f"https://localhost:{hook.port}/"
        if says is None:
            assert guard.post(url, {}, b"{}", trusted=True).status_code == 200
            return
        with pytest.raises(DeliveryError, match=says) as caught:
            guard.post(url, {}, b"{}", trusted=True)
        assert (hook.requests, caught.value.arrived) == ([], False)


@pytest.mark.machine_clock
def test_tls_that_is_outdated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = certificate(tmp_path, "localhost", 1)
    with receiver(chain, outdated=True) as hook:
        # It could be reached, by one who is outdated too.
        old = ssl.create_default_context(cafile=chain)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version = ssl.TLSVersion.TLSv1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with (
            socket.create_connection(("127.0.0.1", hook.port)) as line,
            old.wrap_socket(line, server_hostname="localhost") as spoken,
        ):
            assert spoken.version() == "TLSv1"
        monkeypatch.setenv("SSL_CERT_FILE", str(chain))
        monkeypatch.setattr(guard, "_ssl_context", guard._ssl_context.__wrapped__)
        with pytest.raises(DeliveryError, match=r"TLS failed: it speaks no version from 1\.2 on") as caught:
            guard.post(f"https://localhost:{hook.port}/", {}, b"{}", trusted=True)
        assert (hook.requests, caught.value.arrived) == ([], False)


def test_a_name_of_https_that_speaks_no_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            line, _ = server.accept()
            with line:
                line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                line.recv(10_000)

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(DeliveryError, match="TLS failed: what it speaks is no TLS"):
            guard.post(f"https://localhost:{server.getsockname()[1]}/", {}, b"{}", trusted=True)
        answering.join(5)


def _resolves_to(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
    real = socket.getaddrinfo

    def lookup(host: str, port: int, *rest: Any, **named: Any) -> Any:
        if not host.endswith(".example") and not host.endswith(".example.org"):
            return real(host, port, *rest, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(guard.socket, "getaddrinfo", lookup)


@pytest.mark.parametrize(
    "host",
    [
        "xn--localhost-",
        "xn--",
        "xn--localhost-9db",
        "xn--a",
        "xn--999999999",
        "exa\x00mple.com",
        "\u24dblocalhost",
        "\ud800.com",
        "[::1",
        "a" * 300,
    ],
)
def test_odd_hosts_are_a_sentence_and_never_an_error_of_ours(host: str) -> None:
    found: object = None
    try:
        found = guard.check(f"http://{host}/x", allow_private=False)
    except DeliveryError as error:
        found = error.permanent
    assert found in (True, ["the name does not resolve: it is looked up again at every try"])


def test_a_name_that_only_looks_internationalised_says_so() -> None:
    with pytest.raises(DeliveryError, match=r"^the URL's host is no valid internationalised name$"):
        guard.check("http://xn--localhost-/x", allow_private=False)
