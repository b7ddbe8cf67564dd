"""Apprise's options: what an admin may set up at the board passes, and nothing that reads a file, follows an address or changes how it is sent."""

import pytest
from apprise.plugins import N_MGR
from pytest_django.fixtures import Settings

from alerts.destinations import apprise, board, services
from alerts.destinations.base import Message, Target
from alerts.errors import BadTarget, DeliveryError
from alerts.models.destination import Kind
from tests.alerts.conftest import DAY
from tests.alerts.receiver import Receiver

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
DISCORD = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"
# Headers, payload and other things behind a sign, in whatever spelling.
SIGNED = ("%2BX-Admin=1", "+X-Admin=1", "-x=1", ":x=1", "%3Ax=1", "%52edirect=yes", "TEMPLATE=http://127.0.0.1/")


def every_option() -> list[tuple[str, str]]:
    N_MGR.load_modules()
    return [(schema, option) for schema in services.FIXED for option in sorted(N_MGR[schema].template_args)]


def refused(url: str) -> str:
    with pytest.raises(BadTarget) as found:
        board.checked(Kind.APPRISE, {"url": url})
    return str(found.value)


def test_every_option_of_every_service_is_offered_or_refused() -> None:
    tried = {True: 0, False: 0}
    for schema, option in every_option():
        offered = option in services.ANYWHERE | services.OPTIONS.get(schema, frozenset())
        tried[offered] += 1
        url = f"{schema}://a/b/c?{option}=x"
        if offered:
            apprise.allowed(url, allow_private=False)
        else:
            assert f"the option '{option}' is not taken for {schema}://; expected " in refused(url)
    assert tried[True] > 50
    assert tried[False] > 600


def test_no_option_on_offer_reads_leads_or_switches() -> None:
    never = {
        "template",
        "redirect",
        "verify",
        "attach",
        "url",
        "href",
        "avatar_url",
        "footer_logo",
        "cto",
        "rto",
        "store",
        "mode",
        "retry",
    }
    for schema in services.FIXED:
        assert not never & (services.ANYWHERE | services.OPTIONS.get(schema, frozenset()))
    assert set(services.OPTIONS) <= set(services.FIXED)


@pytest.mark.parametrize("option", SIGNED)
def test_neither_headers_nor_other_spellings_pass(option: str) -> None:
    assert "is not taken for discord://" in refused(f"{DISCORD}?{option}")


@pytest.mark.parametrize("between", [", ", ",", " ", "\n", "%0a\n", "\t"])
def test_a_second_url_behind_the_first_is_refused(between: str) -> None:
    assert refused(f"{DISCORD}{between}json://127.0.0.1:9/x") == "that is more than one URL; expected one"


def test_the_options_on_offer_pass() -> None:
    assert board.checked(Kind.APPRISE, {"url": f"{DISCORD}?tts=yes&Thread=7"}).warnings == []


def test_private_targets_take_no_such_option_either(settings: Settings, hook: Receiver) -> None:
    settings.ALLOW_PRIVATE_TARGETS = True
    for option in ("verify=no", "redirect=yes", "+X=1", "method=PUT", "template=/etc/passwd"):
        assert "is not taken for json://" in refused(f"json://127.0.0.1:{hook.port}/x?{option}")
    assert board.checked(Kind.APPRISE, {"url": f"json://127.0.0.1:{hook.port}/x"}).warnings == []


def test_one_that_was_set_up_before_is_refused_when_it_is_sent(settings: Settings, hook: Receiver) -> None:
    settings.ALLOW_PRIVATE_TARGETS = True
    message = Message("msg_1", b'{"title":"t","body":"b"}', DAY)
    apprise.send(Target("apprise", f"json://127.0.0.1:{hook.port}/x", "", trusted=False), message)
    assert len(hook.wait_for(1)) == 1
    for url in (
        f"{DISCORD}?template=http://127.0.0.1:{hook.port}/",
        f"{DISCORD}, json://127.0.0.1:{hook.port}/x",
        f"json://127.0.0.1:{hook.port}/x?+X-Admin=1",
    ):
        with pytest.raises(DeliveryError) as found:
            apprise.send(Target("apprise", url, "", trusted=False), message)
        assert found.value.permanent
    assert len(hook.requests) == 1


def test_what_is_built_for_the_board_checks_certificates_and_follows_nothing() -> None:
    built = apprise._built(f"{DISCORD}?verify=no&redirect=yes", trusted=False)
    assert (built.verify_certificate, built.redirects) == (True, False)
