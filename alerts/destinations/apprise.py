"""The 170 services that Apprise speaks to. Always as plain text: else markup in a breaker's name would be taken at its word."""

import html
import logging
import re
import threading
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from django.conf import settings

from alerts.destinations import guard, names, services, texts
from alerts.destinations.base import DEADLINE_S, Message, Notice, Receipt, Target
from alerts.domain.wording import plain
from alerts.errors import DeliveryError

# Imported where it is sent: 13 MB, and whatever its state, an alert must be raised and its notification written down.
if TYPE_CHECKING:
    import apprise

SPARK = re.compile(r"@(?=\w)|<(?=[\w@!#/&])|\](?=\()")
# Programs, and mail, which reads plain text as it is.
NO_CHATS = frozenset({"mailto", "mailtos", "json", "jsons", "xml", "xmls", "form", "forms"})
STATUS = re.compile(r"\berror\s*=\s*(\d{3})\b")
# Refusals that trying again won't change, and those that a person may mend in a quarter of an hour.
FOR_GOOD = frozenset({400, 405, 406, 410, 413, 415, 422})
MENDABLE = frozenset({401, 403, 404})
MENDING_S = 15 * 60
# Apprise knows no deadline inside a read: calls that hang past ours go on in their threads. No more than these.
MOST_HANGING = 16
# What Apprise puts between title and text, and keeps free.
MARGIN = 24

log = structlog.get_logger(__name__)

_hanging = threading.BoundedSemaphore(MOST_HANGING)


class Text(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored. `lines`: of a digest; how many of them are sent depends on the service. `beyond`: how many more there are."""

    title: str
    body: str
    lines: tuple[str, ...] = ()
    beyond: int = 0


def compose(notice: Notice) -> bytes:
    """Title and text for people; of a digest the text is its address alone."""
    if notice.lines:
        return msgspec.json.encode(Text(texts.title(notice), notice.url, notice.lines, notice.beyond))
    return msgspec.json.encode(Text(texts.title(notice), texts.body(notice)))


def inert(text: str) -> str:
    """The text with nothing in it that a chat takes for a call to everyone, a tag, or a link under other words.

    Plain text is not plain everywhere: Discord and Mattermost read mentions and Markdown in it, Feishu tags.
    """
    return SPARK.sub("\\g<0>\u200b", text)


def known(url: str) -> bool:
    """Whether Apprise can make something of the URL."""
    apprise = _library()
    return isinstance(apprise.Apprise.instantiate(url, suppress_exceptions=True), apprise.NotifyBase)


def allowed(url: str, *, allow_private: bool) -> None:
    """Let a URL pass that somebody set up at the board. Errors: DeliveryError, permanent; with an address, it is forbidden.

    Apprise opens its connections itself, past our guard: so only services whose host is theirs and not the URL's, unless
    private targets are allowed; then the host of the URL is judged here, at every try.
    """
    scheme = url.partition("://")[0].lower()
    _require_plain(scheme, url)
    if scheme in services.FIXED:
        return
    if scheme in services.LOCAL:
        raise DeliveryError(f"{scheme}:// speaks to this machine itself", permanent=True, forbidden=True)
    if not allow_private:
        raise DeliveryError(
            f"{plain(scheme, 20)}:// has a host of its own: name it in ALERT_URLS, or set ALLOW_PRIVATE_TARGETS",
            permanent=True,
            forbidden=True,
        )
    built = _library().Apprise.instantiate(url, suppress_exceptions=True)
    host = str(getattr(built, "host", "") or "")
    if host:
        guard.judge(names.resolve(host, 443), allow_private=True)


def _require_plain(scheme: str, url: str) -> None:
    """One URL, and no option of Apprise's but those that are offered. Errors: DeliveryError, permanent.

    Options read files and addresses (`template`), follow redirects, switch off checks of TLS, add headers: all of that goes past the guard.
    """
    from apprise.utils.parse import parse_qsd, parse_urls

    if len(parse_urls(url)) > 1 or any(char.isspace() or not char.isprintable() for char in url):
        raise DeliveryError("that is more than one URL; expected one", permanent=True)
    allowed_here = services.ANYWHERE | services.OPTIONS.get(scheme, frozenset())
    # Read as Apprise reads it: names in lower case, percent signs resolved.
    named = parse_qsd(url.partition("?")[2])["qsd"] if "?" in url else {}
    for name in named:
        if name not in allowed_here:
            known = ", ".join(sorted(allowed_here))
            raise DeliveryError(
                f"the option {plain(name, 40)!a} is not taken for {plain(scheme, 20)}://; expected {known}",
                permanent=True,
            )


def _built(url: str, *, trusted: bool) -> Any:
    """Apprise's own object for this one URL; None where it can make nothing of it."""
    apprise = _library()
    built = apprise.Apprise.instantiate(
        url, asset=apprise.AppriseAsset(http_redirects=trusted), suppress_exceptions=True
    )
    if built is None or trusted:
        return built
    # Whatever way an option may have come in.
    built.verify_certificate = True
    built.redirects = False
    return built


def send(target: Target, message: Message) -> Receipt:
    """Notify. Errors: DeliveryError, its sentence ours: Apprise's own may hold the URL."""
    apprise = _library()
    if not target.trusted:
        allowed(target.url, allow_private=settings.ALLOW_PRIVATE_TARGETS)
    service = apprise.Apprise(asset=apprise.AppriseAsset(http_redirects=target.trusted))
    # Built from one URL: given as text, a list of them would be taken apart.
    built = _built(target.url, trusted=target.trusted)
    if built is None or not service.add(built):
        raise DeliveryError("Apprise can't make anything of the URL", permanent=True)
    text = msgspec.json.decode(message.body, type=Text)
    if target.url.partition(":")[0].lower() not in NO_CHATS:
        text = Text(inert(text.title), inert(text.body), tuple(map(inert, text.lines)), text.beyond)
    text = fitted(text, next(iter(service)))
    result = _bounded(service, text)
    if result:
        return Receipt()
    if result.status == apprise.AppriseResultStatus.TIMEOUT:
        raise DeliveryError(f"no answer within {DEADLINE_S:.0f} s", arrived=True)
    said = STATUS.search(" ".join(str(entry) for entry in result.logs()))
    code = int(said[1]) if said else None
    if code is None:
        raise DeliveryError("Apprise could not deliver it")
    raise DeliveryError(
        f"answered {code}",
        status_code=code,
        permanent=code in FOR_GOOD,
        patience_s=MENDING_S if code in MENDABLE else None,
    )


def fitted(text: Text, plugin: Any) -> Text:
    """The text as this service takes it: its own limits are Apprise's, who sends whatever it is given, to be refused as a whole."""
    title_room, room = int(plugin.title_maxlen), int(plugin.body_maxlen)
    counted = _length_as_html if _listed(plugin.notify_format)[0] == "html" else length
    together = title_room <= 0 or plugin.overflow_amalgamate_title
    title = _cut(text.title, title_room if title_room > 0 else room)
    if not text.lines:
        return Text(title, text.body)
    if together:
        # Most of a short message is its address: of the title no more than is left by that.
        address = texts.fitted((), text.beyond + len(text.lines), text.body, 0)
        title = _cut(title, max(room - length(address) - MARGIN, room // 4))
        room -= counted(title)
    return Text(title, texts.fitted(text.lines, text.beyond, text.body, room - MARGIN, counted))


def length(text: str) -> int:
    """As services count it at the most: emoji are two, and so is the end of a line."""
    return len(text.encode("utf-16-le")) // 2 + text.count("\n")


def _length_as_html(text: str) -> int:
    """The same where Apprise writes HTML, with its signs in place of ours."""
    return length(html.escape(text))


def _listed(formats: Any) -> tuple[Any, ...]:
    """What a service takes, the one that it prefers first."""
    return formats if isinstance(formats, tuple) else (formats,)


def _cut(text: str, room: int) -> str:
    if length(text) <= room:
        return text
    while length(text) > room - 1:
        text = text[:-1]
    return f"{text}…"


def _library() -> Any:
    """Apprise, silenced: it writes URLs that it can't read into the log, secrets and all."""
    import apprise

    logging.getLogger("apprise").propagate = False
    return apprise


def _bounded(service: "apprise.Apprise", text: Text) -> "apprise.AppriseResult":
    if not _hanging.acquire(blocking=False):
        raise DeliveryError(f"{MOST_HANGING} earlier calls by Apprise still hang: not tried")
    done = threading.Event()
    results: list[apprise.AppriseResult] = []

    def call() -> None:
        try:
            results.append(
                service.notify(
                    title=text.title,
                    body=text.body,
                    body_format="text",
                    timeout=DEADLINE_S,
                )
            )
        except Exception as error:
            # Its sentence may hold the URL, and so may a traceback on its way out of the thread.
            log.warning("Apprise broke", error=type(error).__name__)
        finally:
            _hanging.release()
            done.set()

    threading.Thread(target=call, name="apprise", daemon=True).start()
    if not done.wait(DEADLINE_S):
        raise DeliveryError(f"no answer within {DEADLINE_S:.0f} s", arrived=True)
    if not results:
        raise DeliveryError("Apprise failed")
    return results[0]
