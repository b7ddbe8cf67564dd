"""What the environment says: read once, checked at once, each error a sentence with the value in it."""

import hashlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from breakers.domain import patterns, retention

ROOT = Path(__file__).resolve().parent.parent
TRUE = {"1", "true", "yes", "on"}
FALSE = {"", "0", "false", "no", "off"}
# A Unix socket's path has 108 bytes at most on Linux, 104 elsewhere.
LONGEST_SOCKET = 100
SHORTEST_KEY = 32


class BadSetting(ValueError):
    """A setting of the environment that can't be used; the message names it, its value and what was expected."""


@dataclass(frozen=True, slots=True)
class Env:
    """The settings of the contract, section 1, with their defaults filled in."""

    host: str
    port: int
    data_dir: Path
    database_url: str
    sqlite_synchronous: str
    redis_url: str
    web_processes: int
    # Where the embedded Valkey listens; None: REDIS_URL names a server of the site.
    valkey_socket: Path | None
    secret_key: str
    secret_key_fallbacks: tuple[str, ...]
    # Seal what must be read again; the first one writes. None: SECRET_KEY does.
    encryption_keys: tuple[str, ...]
    site_url: str
    alert_urls: tuple[str, ...]
    alert_webhook_secret: str
    allow_private_targets: bool
    # Where mail is handed in: smtp://user:password@host:587; empty: no mail.
    smtp_url: str
    mail_from: str
    # An outside watcher that hears from us while all is well; empty: none.
    watcher_url: str
    metrics_public: bool
    redact_patterns: tuple[str, ...]
    trusted_proxies: str
    environment: str
    keep_days: Mapping[str, int]
    debug: bool
    log_format: str


def read(environ: Mapping[str, str] = os.environ) -> Env:
    """Read the environment.

    Errors: BadSetting with a sentence that names the setting.
    """
    host = environ.get("HOST", "127.0.0.1")
    port = _whole_number(environ, "PORT", 8000, 0, 65_535)
    data_dir = Path(environ.get("DATA_DIR", "") or ROOT / "var").expanduser().resolve()
    valkey_socket = None if environ.get("REDIS_URL") else _valkey_socket(data_dir)
    return Env(
        host=host,
        port=port,
        data_dir=data_dir,
        database_url=environ.get("DATABASE_URL", ""),
        sqlite_synchronous=_one_of(environ, "SQLITE_SYNCHRONOUS", "NORMAL", ("NORMAL", "FULL")),
        web_processes=_whole_number(environ, "WEB_PROCESSES", 1, 1, 64),
        redis_url=environ.get("REDIS_URL", "") or f"unix://{quote(str(valkey_socket))}",
        valkey_socket=valkey_socket,
        secret_key=environ.get("SECRET_KEY", "") or _kept_secret(data_dir / "secret_key"),
        secret_key_fallbacks=tuple(environ.get("SECRET_KEY_FALLBACKS", "").split()),
        encryption_keys=_encryption_keys(environ),
        site_url=_site_url(environ.get("SITE_URL", ""), host, port),
        alert_urls=tuple(environ.get("ALERT_URLS", "").split()),
        alert_webhook_secret=environ.get("ALERT_WEBHOOK_SECRET", ""),
        allow_private_targets=_switch(environ, "ALLOW_PRIVATE_TARGETS"),
        smtp_url=environ.get("SMTP_URL", ""),
        mail_from=environ.get("MAIL_FROM", ""),
        watcher_url=_web_url(environ, "WATCHER_URL"),
        metrics_public=_switch(environ, "METRICS_PUBLIC"),
        redact_patterns=_patterns(environ),
        trusted_proxies=_addresses(environ, "TRUSTED_PROXIES"),
        environment=environ.get("ENVIRONMENT", ""),
        keep_days=_keep_days(environ),
        debug=_switch(environ, "DEBUG"),
        log_format=_one_of(environ, "LOG_FORMAT", "console", ("console", "json")),
    )


def database(url: str, data_dir: Path, synchronous: str) -> dict[str, object]:
    """Django's DATABASES entry for a `postgresql://` or `sqlite:///` URL; an empty one is SQLite in `data_dir`.

    SQLite writers begin IMMEDIATE: a read that turns into a write after a foreign commit would fail at once.
    """
    if not url or url.startswith("sqlite:"):
        name = unquote(urlsplit(url).path) if url else str(data_dir / "breakerboard.sqlite3")
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": name,
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 5,
                "init_command": (
                    "PRAGMA journal_mode=WAL;"
                    f"PRAGMA synchronous={synchronous};"
                    "PRAGMA wal_autocheckpoint=4000;"
                    "PRAGMA cache_size=-65536;"
                    "PRAGMA temp_store=MEMORY;"
                ),
            },
        }
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise BadSetting(f"DATABASE_URL begins with '{parts.scheme}://'; expected postgresql:// or sqlite:///")
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "breakers.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "breakerboard",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or parts.hostname or "",
        "PORT": parts.port or "",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 3,
            "options": "-c lock_timeout=2000 -c statement_timeout=15000 -c idle_in_transaction_session_timeout=30000",
            **options,
        },
    }


def _whole_number(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environ.get(name, "") or str(default)
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise BadSetting(f"{name} is '{text}'; expected a whole number from {least} to {most}")
    return int(text)


def _keep_days(environ: Mapping[str, str]) -> Mapping[str, int]:
    try:
        return retention.read(environ.get("KEEP_DAYS", ""))
    except ValueError as error:
        raise BadSetting(f"KEEP_DAYS: {error}") from error


def _one_of(environ: Mapping[str, str], name: str, default: str, choices: tuple[str, ...]) -> str:
    text = environ.get(name, "") or default
    for choice in choices:
        if text.upper() == choice.upper():
            return choice
    raise BadSetting(f"{name} is '{text}'; expected one of {', '.join(choices)}")


def _switch(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "").strip().lower()
    if text not in TRUE | FALSE:
        raise BadSetting(f"{name} is '{text}'; expected 1 or 0")
    return text in TRUE


def _encryption_keys(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Keys of at least 32 characters, separated by spaces. A short one is named by its place, for it is a secret."""
    keys = tuple(environ.get("ENCRYPTION_KEYS", "").split())
    for place, key in enumerate(keys, 1):
        if len(key) < SHORTEST_KEY:
            raise BadSetting(
                f"key {place} of ENCRYPTION_KEYS has {len(key)} characters; expected {SHORTEST_KEY} or more"
            )
    return keys


def _patterns(environ: Mapping[str, str]) -> tuple[str, ...]:
    """One a line: a pattern may hold anything else."""
    try:
        return tuple(patterns.checked([line for line in environ.get("REDACT_PATTERNS", "").splitlines() if line]))
    except ValueError as error:
        raise BadSetting(f"REDACT_PATTERNS: {error}") from error


def _addresses(environ: Mapping[str, str], name: str) -> str:
    """Addresses and networks, separated by commas or spaces; `*` is none: it would let anyone be anyone."""
    found = environ.get(name, "").replace(",", " ").split()
    for text in found:
        try:
            ip_network(text)
        except ValueError as error:
            raise BadSetting(f"{name} holds '{text}'; expected addresses or networks, like 10.0.0.0/8") from error
    return ",".join(found)


def _valkey_socket(data_dir: Path) -> Path:
    """In DATA_DIR; where that path is too long for a socket, in a directory for it alone among the temporary files."""
    path = data_dir / "valkey.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET:
        return path
    mark = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    name = f"breakerboard-{os.getuid()}-{mark}"
    path = Path(tempfile.gettempdir()) / name / "valkey.sock"
    return path if len(os.fsencode(path)) <= LONGEST_SOCKET else Path("/tmp") / name / "valkey.sock"  # noqa: S108 (private, checked by its owner at the start)


def _site_url(text: str, host: str, port: int) -> str:
    url = text.rstrip("/") or f"http://{'[' + host + ']' if ':' in host else host}:{port}"
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadSetting(f"SITE_URL is '{url}'; expected http://host or https://host")
    return url


def _web_url(environ: Mapping[str, str], name: str) -> str:
    """A web address, or nothing. What follows its scheme may be a secret, and is not in the sentence."""
    url = environ.get(name, "").strip()
    if url and not url.lower().startswith(("http://", "https://")):
        raise BadSetting(f"{name} begins with neither http:// nor https://")
    return url


def _kept_secret(path: Path) -> str:
    """The secret of this DATA_DIR, made at the first start and readable by its owner alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read_when_written(path)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
        return path.read_text()
    except OSError as error:
        raise BadSetting(f"DATA_DIR {path.parent} can't be written: {error.strerror}") from error


def _read_when_written(path: Path) -> str:
    for _ in range(1000):
        if text := path.read_text():
            return text
    path.unlink()
    return _kept_secret(path)
