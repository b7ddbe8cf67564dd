"""`make bench`: every benchmark, one after the other, each with its floor in the same run."""

import subprocess
import sys
import time

BENCHMARKS = ("ingest", "fanout", "alerting", "storm", "browser")


def main() -> int:
    """Run them; how many failed."""
    failed = 0
    for name in BENCHMARKS:
        print(f"\n## {name}\n", flush=True)
        begun = time.monotonic()
        failed += subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
        print(f"\n({name}: {time.monotonic() - begun:.0f} s)", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
