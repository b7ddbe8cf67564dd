"""A mail server on a real socket, that keeps what it gets and can misbehave."""

import contextlib
import email
import email.policy
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers import free_port


@dataclass
class Post:
    """What it got. `script`: answers to the next letters, before it takes them; `port`: where it listens."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    script: list[str] = field(default_factory=list)
    to_rcpt: str = ""
    signed_in: list[str] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """The envelope's recipient."""
        if self.to_rcpt:
            return self.to_rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """A letter."""
        self.envelopes.append((str(envelope.mail_from), list(map(str, envelope.rcpt_tos))))
        content: Any = envelope.content
        letter = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return self.script.pop(0) if self.script else "250 taken"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """Ada's password is `s3cret`."""
        assert isinstance(data, LoginPassword)
        good = (data.login, data.password) == (b"ada", b"s3cret")
        self.signed_in.append(f"{data.login.decode()} {good}")
        return AuthResult(success=good)


@contextlib.contextmanager
def post(chain: Path | None = None) -> Iterator[Post]:
    """One that listens; with a certificate it offers STARTTLS, and then wants a password."""
    one = Post()
    more: dict[str, Any] = {}
    if chain is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        more = {
            "tls_context": context,
            "require_starttls": True,
            "authenticator": one.authenticate,
            "auth_required": True,
        }
    controller = Controller(one, hostname="127.0.0.1", port=free_port(), **more)
    controller.start()
    one.port = controller.port
    try:
        yield one
    finally:
        controller.stop()
