"""`make bench`: every benchmark, one after the other, each with its floor in the same run."""

import subprocess
import sys
import time

# With settings that end within minutes; each alone runs as large as its target says.
BENCHMARKS = {
    "ingest": (),
    "batches": (),
    "growth": ("--events", "1000000"),
    "retention": ("--events", "1000000"),
    "fanout": (),
    "comeback": (),
    "alerting": (),
    "storm": (),
    "causes": (),
    "browser": (),
    "soak": ("--minutes", "2"),
    "peers": (),
}


def main() -> int:
    """Run them; how many failed."""
    failed = 0
    for name, settings in BENCHMARKS.items():
        print(f"\n## {name}\n", flush=True)
        begun = time.monotonic()
        failed += subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *settings], check=False).returncode != 0
        print(f"\n({name}: {time.monotonic() - begun:.0f} s)", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
