"""E-mail: one address a destination, plain text and HTML, threaded by alert.

The server is the destination's own, or the site's (`SMTP_URL`). A server that somebody names at the board is reached through
the guard, like every other target.
"""

import contextlib
import html
import smtplib
import socket
import ssl
import threading
import time
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

import msgspec
from django.conf import settings

from alerts.destinations import guard, names, texts, tls
from alerts.destinations.base import DEADLINE_S, Message, Notice, Receipt, Target
from alerts.domain.wording import plain
from alerts.errors import DeliveryError

LONGEST_SUBJECT = 200
MENDING_S = 15 * 60
# Where somebody at the board may have mail handed in: not at every server that happens to listen.
MAIL_PORTS = frozenset({25, 465, 587, 2525})


class Mail(msgspec.Struct, frozen=True):
    """What is stored; the envelope and the head are made when it is sent."""

    alert: str
    subject: str
    text: str
    html: str


class Server(msgspec.Struct, frozen=True):
    """Where mail is handed in. `secure`: TLS from the first byte; else STARTTLS where it is offered, always with a password."""

    host: str
    port: int
    user: str
    password: str
    secure: bool
    sender: str


def compose(notice: Notice) -> bytes:
    """One subject for the alert's whole life, so that programs that go by it thread too."""
    alert = notice.alert
    where = f"{alert.breaker.name} in {alert.service}" if alert.breaker else alert.service
    subject = f"[{alert.severity}] {where}" if not notice.lines else notice.summary
    return msgspec.json.encode(
        Mail(
            alert.id,
            plain(subject, LONGEST_SUBJECT),
            f"{texts.title(notice)}\n\n{texts.body(notice)}\n",
            _html(notice),
        )
    )


def send(target: Target, message: Message) -> Receipt:
    """Hand it in. Errors: DeliveryError, permanent where the server refuses for good."""
    mail = msgspec.json.decode(message.body, type=Mail)
    server = server_of(target)
    try:
        letter = _letter(mail, target.url, server.sender, message)
    except ValueError:
        raise DeliveryError("the sender or the address is none that a letter can bear", permanent=True) from None
    connection = _Connection(server, trusted=target.trusted or not target.more.get("server"))
    try:
        connection.open()
        connection.hand_in(server.sender, target.url, letter.as_bytes())
    except DeliveryError:
        raise
    except smtplib.SMTPResponseException as refused:
        if connection.is_late():
            # Cut off by us: what was read until then is no answer.
            raise _too_late(connection) from None
        raise _refused(refused.smtp_code, refused.smtp_error, connection.address) from None
    except smtplib.SMTPRecipientsRefused as refused:
        code, said = next(iter(refused.recipients.values()))
        raise _refused(code, said, connection.address) from None
    except ssl.SSLError as error:
        raise DeliveryError(f"TLS failed: {tls.why(error)}", address=connection.address) from None
    except (OSError, smtplib.SMTPException) as error:
        why = "the connection was refused" if isinstance(error, ConnectionRefusedError) else "the connection broke"
        if isinstance(error, TimeoutError) or connection.is_late():
            raise _too_late(connection) from None
        raise DeliveryError(why, arrived=connection.handed_in, address=connection.address) from None
    finally:
        connection.close()
    return Receipt(250, connection.address, plain(connection.said, 1024))


def server_of(target: Target) -> Server:
    """The destination's own server, or the site's. Errors: DeliveryError, permanent, where there is neither."""
    url = target.more.get("server") or settings.SMTP_URL
    if not url:
        raise DeliveryError("no mail server is set: SMTP_URL names one", permanent=True)
    return parse_server(url, target.more.get("sender") or settings.MAIL_FROM)


def parse_server(url: str, sender: str) -> Server:
    """smtp://user:password@host:587, or smtps:// for TLS from the first byte.

    Errors: DeliveryError, permanent, without a part of the URL in its sentence.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise DeliveryError("the mail server's URL can't be read", permanent=True) from None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise DeliveryError("the mail server's URL is not smtp://host or smtps://host", permanent=True)
    secure = parts.scheme == "smtps"
    return Server(
        parts.hostname,
        port or (465 if secure else 587),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        secure,
        sender or f"breakerboard@{_own_host()}",
    )


def require_mail_port(server: Server) -> None:
    """Errors: DeliveryError, permanent, for a port that is not one of mail."""
    if server.port not in MAIL_PORTS:
        ports = ", ".join(map(str, sorted(MAIL_PORTS)))
        raise DeliveryError(f"port {server.port} is not one of a mail server: {ports}", permanent=True)


def _letter(mail: Mail, to: str, sender: str, message: Message) -> EmailMessage:
    letter = EmailMessage(policy=SMTP)
    root = f"<alert-{mail.alert}@{_own_host()}>"
    letter["From"] = sender
    letter["To"] = to
    letter["Subject"] = mail.subject
    letter["Date"] = format_datetime(message.sent_at)
    # The same at every try, so that a second copy is known as one.
    letter["Message-ID"] = f"<{message.id}@{_own_host()}>"
    letter["In-Reply-To"] = letter["References"] = root
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Auto-Response-Suppress"] = "All"
    letter["List-Id"] = f"Breakerboard <alerts.{_own_host()}>"
    letter.set_content(mail.text)
    letter.add_alternative(mail.html, subtype="html")
    return letter


def _html(notice: Notice) -> str:
    said = html.escape
    rows = "".join(f"<tr><td>{said(name)}</td><td>{said(value)}</td></tr>" for name, value in texts.facts(notice))
    lines = "".join(f"<li>{said(line)}</li>" for line in notice.lines)
    if notice.beyond:
        lines += f"<li>… and {notice.beyond:,} more</li>"
    doors = [f'<a href="{said(notice.url)}">Open it on the board</a>']
    if notice.acknowledge_url:
        doors.append(f'<a href="{said(notice.acknowledge_url)}">Take it in hand</a>')
    return (
        f"<!doctype html><html><body><h1>{said(texts.title(notice))}</h1>"
        f"{f'<ul>{lines}</ul>' if lines else ''}{f'<table>{rows}</table>' if rows else ''}"
        f"<p>{' · '.join(doors)}</p></body></html>"
    )


def _refused(code: int, said: bytes | str, address: str) -> DeliveryError:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    mendable = code in {530, 534, 535, 538}
    return DeliveryError(
        f"the mail server answered {code}",
        status_code=code,
        permanent=500 <= code < 600 and not mendable,
        patience_s=MENDING_S if mendable else None,
        address=address,
        answer=plain(text, 1024),
    )


def _too_late(connection: "_Connection") -> DeliveryError:
    return DeliveryError(
        f"no answer within {DEADLINE_S:.0f} s", arrived=connection.handed_in, address=connection.address
    )


def _own_host() -> str:
    return urlsplit(settings.SITE_URL).hostname or "localhost"


class _Connection:
    """One conversation with a mail server, every wait of it bounded by one deadline."""

    def __init__(self, server: Server, *, trusted: bool) -> None:
        self._server = server
        self._trusted = trusted
        self._deadline = time.monotonic() + DEADLINE_S
        self._smtp: smtplib.SMTP | None = None
        self._end: threading.Timer | None = None
        self.address = ""
        self.said = ""
        # The text has left us; what the server makes of it is not known yet.
        self.handed_in = False

    def open(self) -> None:
        """Connect, encrypt, sign in. Errors: DeliveryError, smtplib's, OSError."""
        server, context = self._server, tls.modern(ssl.create_default_context())
        if not self._trusted:
            require_mail_port(server)
        addresses = names.resolve(server.host, server.port)
        if not self._trusted:
            guard.judge(addresses, allow_private=settings.ALLOW_PRIVATE_TARGETS)
        self.address = addresses[0]
        raw: socket.socket = socket.create_connection((self.address, server.port), min(guard.CONNECT_S, self._left()))
        # Every single wait is bounded, and a drip of bytes would renew it: so the conversation as a whole is ended too.
        self._end = threading.Timer(self._left(), _hang_up, [raw])
        self._end.daemon = True
        self._end.start()
        smtp = _Smtp(raw if not server.secure else context.wrap_socket(raw, server_hostname=server.host), server.host)
        self._smtp = smtp
        self._wait()
        code, said = smtp.getreply()
        if code != 220:
            raise smtplib.SMTPResponseException(code, said)
        self._wait()
        smtp.ehlo()
        if not server.secure and (smtp.has_extn("starttls") or server.user):
            self._wait()
            smtp.starttls(context=context)
            self._wait()
            smtp.ehlo()
        if server.user:
            self._wait()
            smtp.login(server.user, server.password)

    def hand_in(self, sender: str, to: str, letter: bytes) -> None:
        """Envelope and text. Errors: smtplib's, OSError."""
        smtp = self._smtp
        assert smtp is not None
        self._wait()
        for code, said in (smtp.mail(sender), smtp.rcpt(to)):
            if code not in {250, 251}:
                raise smtplib.SMTPResponseException(code, said)
        self._wait()
        self.handed_in = True
        code, said = smtp.data(letter)
        if code != 250:
            raise smtplib.SMTPResponseException(code, said)
        self.said = said.decode("utf-8", "replace")

    def close(self) -> None:
        """Hang up, without waiting for a good-bye."""
        if self._end is not None:
            self._end.cancel()
        if self._smtp is not None:
            self._smtp.close()

    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self._deadline

    def _left(self) -> float:
        rest = self._deadline - time.monotonic()
        if rest <= 0:
            raise TimeoutError
        return rest

    def _wait(self) -> None:
        assert self._smtp is not None
        assert self._smtp.sock is not None
        self._smtp.sock.settimeout(self._left())


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Smtp(smtplib.SMTP):
    """smtplib's, over a connection that was judged and made by us."""

    def __init__(self, connected: socket.socket, host: str) -> None:
        super().__init__(local_hostname=_own_host())
        self.sock = connected
        # The name that the certificate must bear after STARTTLS.
        self._host = host
