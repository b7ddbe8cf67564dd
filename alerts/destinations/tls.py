"""TLS as destinations are spoken to: which versions are good enough, and why it failed, in the same words on every machine."""

import re
import ssl

from alerts.domain.wording import plain

# What a certificate's check found, by OpenSSL's number: its words differ from version to version.
VERIFIED = {
    10: "certificate has expired",
    18: "self-signed certificate",
    19: "self-signed certificate in certificate chain",
}
# What is in OpenSSL's words, and what it means.
MEANINGS = {
    "protocol version": "it speaks no version from 1.2 on",
    "unsupported protocol": "it speaks no version from 1.2 on",
    "wrong version number": "what it speaks is no TLS",
    "record layer failure": "what it speaks is no TLS",
    "handshake failure": "it knows no encryption that is good enough",
}
_AROUND = re.compile(r"^\[[^\]]*\]\s*|\s*\(_ssl\.c:\d+\)\s*$")


def modern(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context, from TLS 1.2 on: some Pythons, Debian's among them, leave that to the machine's settings."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def why(error: ssl.SSLError) -> str:
    """Why it failed, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return VERIFIED.get(error.verify_code) or plain(error.verify_message)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "it hung up in the middle of it"
    # A Python that is older than its OpenSSL knows no name for some reasons: the text is all there is.
    said = (
        (getattr(error, "reason", None) or _AROUND.sub("", str(error.args[-1] if error.args else "")))
        .replace("_", " ")
        .lower()
    )
    meaning = next((meaning for words, meaning in MEANINGS.items() if words in said), None)
    return meaning or plain(said) or "OpenSSL gives no reason"
