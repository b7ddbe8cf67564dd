"""Numbers: what the sequence of a source says of events that are missing, and of runs that began anew.

A run's numbers grow with its time. Kept of it are its first and last number and the holes between them; of the run before it
the same, since what is left of that may still come. So a number that was heard before says that a new run has begun, one that
fills a hole that it came late, however posts overtake each other. Times in microseconds since 1970.
"""

import msgspec

# A sequence that falls back to one of these begins anew, whatever its time.
FIRST = 1
# Older clients count from the time of their start in milliseconds: their numbers are at least this.
CLOCKED = 1_000_000_000_000
# A jump of theirs to a number that is the time now, or was so lately, is a start.
JUMP, START_MS = 1_000, 60_000
# They number an event when it ends and date it when it begins: at a run's beginning, numbers and times differ so much in order.
NEAR, SOON = 100, 60_000_000
# So many holes are kept of a run; what is older stays missing.
MOST_HOLES = 64


class Run(msgspec.Struct, array_like=True):
    """Numbers heard of one run: all from `first` to `last`, except for the holes (both ends are missing)."""

    since: int
    first: int
    last: int
    holes: list[tuple[int, int]] = []

    def fill(self, number: int) -> bool:
        """Whether the number was missing, and now is not."""
        for place, (low, high) in enumerate(self.holes):
            if low <= number <= high:
                rest = [(low, number - 1), (number + 1, high)]
                self.holes[place : place + 1] = [hole for hole in rest if hole[0] <= hole[1]]
                return True
        return False

    def away(self, number: int) -> int:
        """How far a number is from those that were heard."""
        return max(number - self.last, self.first - number, 0)

    def began_around(self, number: int, at: int) -> bool:
        """Whether a number of an older client belongs to the beginning of this run, though it is out of its order."""
        return number >= CLOCKED and self.away(number) <= NEAR and abs(at - self.since) <= SOON

    def grow(self, number: int) -> int:
        """Take in a number above the last one or below the first; how many are missing in between."""
        low, high = (self.last + 1, number - 1) if number > self.last else (number + 1, self.first - 1)
        if number > self.last:
            self.last = number
        else:
            self.first = number
        if low > high:
            return 0
        self.holes = sorted([*self.holes, (low, high)])[-MOST_HOLES:]
        return high - low + 1


class Numbers(msgspec.Struct, array_like=True):
    """The present run of a source, and the one before it."""

    run: Run
    before: Run | None = None

    def begin(self, number: int, at: int) -> None:
        """A new run."""
        self.before, self.run = self.run, Run(at, number, number)


def follow(
    numbers: Numbers, number: int, at: int, told: int | None, newest_at: int, *, stopped: bool
) -> tuple[int, bool]:
    """One event's number: by how much the count of what is missing changes, and whether a new run begins with it.

    `at` is its time, `told` what it said of that, `newest_at` the greatest time heard before it; `stopped`: the source had stopped.
    """
    run = numbers.run
    if at < run.since:
        return _of_before(numbers, number, at), False
    newer = at > newest_at
    if number > run.last:
        if number > run.last + 1 and at >= newest_at and (stopped or _is_a_start(number, run.last, told)):
            numbers.begin(number, at)
            return 0, True
        return run.grow(number), False
    if run.fill(number):
        return -1, False
    timed = newer and told is not None
    if number < run.first and run.began_around(number, at):
        return run.grow(number), False
    if timed or (at >= newest_at and number <= FIRST < run.last):
        numbers.begin(number, at)
        return 0, True
    return 0, False


def _of_before(numbers: Numbers, number: int, at: int) -> int:
    """Older than all that is known of the present run: of its beginning, or left over from the run before it."""
    run, before = numbers.run, numbers.before
    leads = number < run.first or (number > run.last and run.began_around(number, at))
    if before is None:
        return _lead(run, number, at) if leads else 0
    if before.fill(number):
        return -1
    if before.away(number) == 0:
        return _lead(run, number, at) if leads else 0
    if leads and run.away(number) <= before.away(number):
        return _lead(run, number, at)
    return before.grow(number)


def _lead(run: Run, number: int, at: int) -> int:
    """The run began earlier than was known."""
    run.since = at
    return run.grow(number)


def _is_a_start(number: int, last: int, told: int | None) -> bool:
    return number - last > JUMP and told is not None and -NEAR <= told // 1_000 - number <= START_MS
