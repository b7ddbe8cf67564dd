"""A fault that lasts is told, and does not fill the disk with its telling."""

from typing import Any

from dashboard.quieting import MOST, MOST_KINDS, WINDOW, Quieting


class Log:
    """What is printed, at times given by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self._quieting = Quieting(lambda: self.now)

    def says(self, event: str, part: str = "web", level: str = "warning") -> list[Any]:
        """The texts of what is printed, with the counts beside them."""
        passed = list(self._quieting.passed({"part": part, "level": level, "event": event}))
        return [
            (each["event"], each["more_in_a_minute"]) if "more_in_a_minute" in each else each["event"]
            for each in passed
        ]


def test_what_is_said_now_and_then_is_printed() -> None:
    log = Log()
    for _ in range(10 * MOST):
        log.now += WINDOW / MOST + 0.1
        assert log.says("the disk is full") == ["the disk is full"]


def test_a_full_disk_is_told_thirty_times_a_minute_and_then_counted() -> None:
    log = Log()
    printed = []
    for _ in range(10_000):
        log.now += 0.012
        printed += log.says("the disk is full")
    assert printed.count("the disk is full") == 2 * MOST
    assert [each for each in printed if isinstance(each, tuple)] == [("the disk is full", 4_970)]


def test_numbers_and_ids_make_no_other_kind() -> None:
    log = Log()
    printed = [text for n in range(100) for text in log.says(f"Task evaluate[{n:08x}-77a4-4cf1] failed after {n}.5 s")]
    assert len(printed) == MOST
    log.now = WINDOW
    assert log.says("well again") == [("Task evaluate[…] failed after ….… s", 100 - MOST), "well again"]


def test_another_part_or_level_is_another_kind() -> None:
    log = Log()
    for _ in range(MOST):
        log.says("no answer")
    assert (log.says("no answer"), log.says("no answer", part="beat"), log.says("no answer", level="error")) == (
        [], ["no answer"], ["no answer"],
    )  # fmt: skip


def test_many_kinds_cost_so_much_and_no_more() -> None:
    log = Log()
    for n in range(3 * MOST_KINDS):
        word = "".join(chr(ord("g") + int(digit)) for digit in str(n))
        assert log.says(word) == [word]
    assert len(log._quieting._kinds) <= MOST_KINDS + 1
