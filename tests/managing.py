"""Managing: `manage.py` kept ready, for tests that run many commands beside a board.

A process that has everything loaded reads commands, a JSON list a line, and runs each in a fork of itself: what a command finds
and leaves in memory is as if it had been started anew. It answers each with a line `{"status", "said", "complained"}`.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Manager:
    """One such process, for an environment."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = dict(environ)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.managing"],
            cwd=ROOT,
            env=self.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> str:
        """What this command prints.

        Errors: RuntimeError, with what it complained of.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"manage.py {' '.join(words)} could not be run")
        told = json.loads(line)
        if told["status"]:
            raise RuntimeError(f"manage.py {' '.join(words)} ended with {told['status']}: {told['complained']}")
        return str(told["said"])

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def serve() -> None:
    """Run what is read, until there is no more."""
    import django
    from django.core.checks import run_checks

    django.setup()
    run_checks()  # each command asks them, and they load the most
    for line in sys.stdin:
        read, write = os.pipe()
        if (child := os.fork()) == 0:
            os.close(read)
            with open(write, "w") as answer:
                json.dump(_run(json.loads(line)), answer)
            return  # and ends as a command does, with all that is left to do at its end
        os.close(write)
        with open(read) as answer:
            told = answer.read()
        os.waitpid(child, 0)
        print(told, flush=True)


def _run(words: list[str]) -> dict[str, object]:
    from django.core.management import ManagementUtility

    said, complained, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        try:
            ManagementUtility(["manage.py", *words]).execute()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except Exception as error:  # the caller is told
            complained.write(repr(error))
            status = 1
    return {"status": status, "said": said.getvalue(), "complained": complained.getvalue()}


if __name__ == "__main__":
    serve()
