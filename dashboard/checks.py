"""Checks of the settings, run by every command: what can't work is said before anything starts."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

REDIS_SCHEMES = ("redis", "rediss", "unix")


@register
def redis_url(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """REDIS_URL names a kind of server that we can reach."""
    scheme = urlsplit(settings.REDIS_URL).scheme
    if scheme in REDIS_SCHEMES:
        return []
    expected = ", ".join(f"{known}://" for known in REDIS_SCHEMES)
    return [Error(f"REDIS_URL begins with '{scheme}://'; expected one of {expected}", id="dashboard.E001")]


@register(Tags.security, deploy=True)
def encrypted(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """Keys, tokens and passwords do not cross a network in the clear."""
    site = urlsplit(settings.SITE_URL)
    if site.scheme == "https" or _loopback(site.hostname or ""):
        return []
    return [Warning(f"SITE_URL is '{settings.SITE_URL}': keys and passwords travel in the clear", id="dashboard.W001")]


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
