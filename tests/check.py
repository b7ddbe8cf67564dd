"""`make check`: everything that can be said about the code without running the suite. Each step prints its name and its time."""

import os
import subprocess
import sys
import tempfile
import time

STEPS = {
    "format": ["-m", "ruff", "format", "--check", "--quiet", "."],
    "lint": ["-m", "ruff", "check", "--quiet", "."],
    "types": ["-m", "mypy", "."],
    "settings": ["manage.py", "check", "--deploy", "--fail-level", "WARNING"],
    "migrations": ["manage.py", "makemigrations", "--check", "--dry-run"],
    "architecture": ["-m", "pytest", "-q", "--no-header", "tests/test_architecture.py"],
}


def main() -> int:
    """Run every step; the number of those that failed."""
    with tempfile.TemporaryDirectory(prefix="breakerboard-check-") as directory:
        # A site as it should be: behind HTTPS.
        environ = {**os.environ, "DATA_DIR": directory, "SITE_URL": "https://board.example.com"}
        environ.pop("DATABASE_URL", None)
        failed = [name for name, words in STEPS.items() if not passes(name, words, environ)]
    print("check: everything is right" if not failed else f"check: failed: {', '.join(failed)}", flush=True)
    return len(failed)


def passes(name: str, words: list[str], environ: dict[str, str]) -> bool:
    """Run one step; its output is shown where it fails."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, *words], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    print(
        f"check: {name:<13} {'ok' if not done.returncode else 'FAILED'}  {time.monotonic() - started:.1f} s", flush=True
    )
    if done.returncode:
        print(done.stdout, flush=True)
    return not done.returncode


if __name__ == "__main__":
    sys.exit(main())
