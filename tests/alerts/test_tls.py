"""TLS: why it failed is told in the same words, whichever Python and OpenSSL say it."""

import ssl

import pytest

from alerts.destinations import guard, tls


def named(reason: str) -> ssl.SSLError:
    """An error whose reason Python knows by name."""
    error = ssl.SSLError(1, f"[SSL: {reason}] {reason.lower().replace('_', ' ')} (_ssl.c:1006)")
    error.reason = reason
    return error


def unchecked(code: int, message: str) -> ssl.SSLCertVerificationError:
    """A certificate that was not good, by OpenSSL's number and words."""
    error = ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] {message} (_ssl.c:1006)")
    error.verify_code, error.verify_message = code, message
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (named("TLSV1_ALERT_PROTOCOL_VERSION"), "it speaks no version from 1.2 on"),
        (named("UNSUPPORTED_PROTOCOL"), "it speaks no version from 1.2 on"),
        (ssl.SSLError(1, "[SSL] unsupported protocol (_ssl.c:992)"), "it speaks no version from 1.2 on"),
        (named("WRONG_VERSION_NUMBER"), "what it speaks is no TLS"),
        (ssl.SSLError(1, "[SSL] record layer failure (_ssl.c:992)"), "what it speaks is no TLS"),
        (named("SSLV3_ALERT_HANDSHAKE_FAILURE"), "it knows no encryption that is good enough"),
        (ssl.SSLError(1, "[SSL] ssl/tls alert handshake failure (_ssl.c:9)"), "it knows no encryption that is good enough"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:1006)"), "it hung up in the middle of it"),
        (ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed (EOF) (_ssl.c:992)"), "it hung up in the middle of it"),
        (named("BAD_SIGNATURE"), "bad signature"),
        (ssl.SSLError(1, "[SSL] legacy sigalg disallowed or unsupported (_ssl.c:992)"), "legacy sigalg disallowed or unsupported"),
        (ssl.SSLError(), "OpenSSL gives no reason"),
        (unchecked(18, "self signed certificate"), "self-signed certificate"),
        (unchecked(18, "self-signed certificate"), "self-signed certificate"),
        (unchecked(62, "Hostname mismatch, certificate is not valid for 'a'."), "Hostname mismatch, certificate is not valid for 'a'."),
    ],
)  # fmt: skip
def test_why_it_failed(error: ssl.SSLError, told: str) -> None:
    assert tls.why(error) == told


def test_nothing_older_than_1_2_is_spoken_whatever_the_machine_allows() -> None:
    lax = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    lax.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    assert tls.modern(lax).minimum_version == ssl.TLSVersion.TLSv1_2
    assert guard._ssl_context().minimum_version == ssl.TLSVersion.TLSv1_2
