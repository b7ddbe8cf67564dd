"""Joining: how the shop's services come by their ingest keys.

A key is shown once, when it is made: it is kept beside the board's own data, tried at the next start, and made anew where
the board does not know it any more.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent


class CannotJoin(Exception):
    """The board does not take the services in; the message says why."""


def board_url() -> str:
    """Where the board is: BREAKERBOARD_URL, else HOST and PORT as the board reads them."""
    if url := os.environ.get("BREAKERBOARD_URL"):
        return url.rstrip("/")
    host = os.environ.get("HOST") or "127.0.0.1"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (where it listens, not where one calls)
    return f"http://{f'[{host}]' if ':' in host else host}:{os.environ.get('PORT') or 8000}"


def keys(board: str, services: Iterable[str]) -> dict[str, str]:
    """A working ingest key for each service.

    Errors: CannotJoin.
    """
    path = Path(os.environ.get("DATA_DIR") or ROOT / "var") / "demo-keys.json"
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    working = {name: kept[name] for name in services if name in kept and _works(board, kept[name])}
    made = {name: _made(name) for name in services if name not in working}
    if made:
        _keep(path, kept | made)
    return working | made


def _works(board: str, key: str) -> bool:
    """Whether the board takes this key: a post without events is answered, and changes nothing."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        with urlopen(Request(f"{board}/api/v1/events", b'{"events": []}', headers), timeout=10):  # noqa: S310
            return True
    except HTTPError as refused:
        if refused.code == 401:
            return False
        raise CannotJoin(f"{board} answered {refused.code} to a post without events") from refused
    except OSError as error:
        raise CannotJoin(f"{board} does not answer: {error}") from error


def _made(name: str) -> str:
    command = [sys.executable, str(ROOT / "manage.py"), "service", "add", name, "--new-key", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotJoin(f"manage.py service add {name} failed: {done.stderr.strip() or done.stdout.strip()}")
    return str(json.loads(done.stdout.splitlines()[-1])["key"])


def _keep(path: Path, found: dict[str, str]) -> None:
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(found, file)
    new.replace(path)
