"""The process around it: forks, ends, crashes. Each runs as a program of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PIPED = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}

BEGIN = """
import os, sys, time, pybreaker
from breakerboard import Reporter, Settings
from calls import fails, try_call, works
breaker = pybreaker.CircuitBreaker(fail_max=3, name="tracking")
reporter = Reporter({url!r}, "a-key", settings=Settings(heartbeat_s=0.5))
reporter.attach(breaker)
"""


@pytest.fixture
def program(board):
    """Run a program that has a breaker and a reporter; its process, begun."""
    begun = []

    def run(body, url=None):
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent / "src")]),
            "PYTHONWARNINGS": "error,ignore:This process:DeprecationWarning",  # fork with threads is the point here
        }
        command = [sys.executable, "-c", BEGIN.format(url=url or board.url) + body]
        begun.append(
            subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        return begun[-1]

    yield run
    board.let_go.set()
    for process in begun:
        process.kill()
        process.wait()
        process.stderr.close()
        process.stdin.close()


def ends(process, limit_s=15):
    process.wait(limit_s)
    return process.returncode, process.stderr.read()


def test_exit_flushes_and_says_stopped(board, program):
    process = program("try_call(breaker, fails, 5)")
    assert ends(process) == (0, "")
    assert (board.count("failure"), board.count("rejected"), board.count("stopped")) == (3, 2, 1)
    assert board.changes() == [("closed", "open")]
    host = os.environ.get("HOSTNAME") or socket.gethostname()
    assert board.of("stopped")[0]["instance"] == f"{host}:{process.pid}"


def test_exit_is_not_delayed_by_a_poll(board, program):
    body = """
import atexit
from breakerboard import process
assert reporter.flush(10)
sys.stdin.readline()
atexit.unregister(process._at_exit)
def timed():
    began = time.monotonic(); process._at_exit(); print(time.monotonic() - began, file=sys.stderr)
atexit.register(timed)
"""
    process = program(body)
    board.until(lambda: board.polls)
    process.stdin.write("\n")
    process.stdin.flush()
    code, took = ends(process)
    assert code == 0
    assert float(took) < 0.3
    assert board.count("stopped") == 1


def test_exit_waits_two_seconds_for_a_board_that_hangs(board, program):
    board.hang()
    process = program("print('.', file=sys.stderr, flush=True)")
    assert process.stderr.read(1) == "."
    began = time.monotonic()
    assert ends(process)[0] == 0
    assert time.monotonic() - began < 3


def test_exit_gives_up_at_once_when_nobody_listens(board, program):
    board.close()
    process = program("print('.', file=sys.stderr, flush=True)")
    assert process.stderr.read(1) == "."
    began = time.monotonic()
    assert ends(process)[0] == 0
    assert time.monotonic() - began < 1


def test_a_crash_is_no_stop_on_purpose(board, program):
    code, said = ends(program("try_call(breaker, fails)\nraise SystemError('the end')"))
    assert (code, "the end" in said) == (1, True)
    assert board.count("failure") == 1
    assert board.of("stopped") == []


def test_a_signal_leaves_no_word(board, program):
    process = program("import signal; signal.pause()")
    board.until(lambda: board.state("tracking"))
    process.send_signal(signal.SIGTERM)
    assert ends(process)[0] == -signal.SIGTERM
    assert board.of("stopped") == []


def test_a_fork_makes_two_instances(board, program):
    body = """
assert reporter.flush(10)
try_call(breaker, works, 2)
child = os.fork()
try_call(breaker, works, 3 if child else 5)
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    process = program(body)
    assert ends(process) == (0, "")
    instances = {event["instance"] for event in board.events}
    assert len(instances) == 2
    parent = next(name for name in instances if name.endswith(f":{process.pid}"))
    counts = {
        name: sum(event["count"] for event in board.of("success") if event["instance"] == name) for name in instances
    }
    assert counts == {parent: 5, (instances - {parent}).pop(): 5}
    beats = {event["instance"]: event["config"] for event in board.of("heartbeat") if "config" in event}
    assert set(beats) == instances
    assert board.count("stopped") == 2
    sent = [event["id"] for _, events in board.posts for event in events]
    assert len(sent) == len(set(sent))


def test_an_idle_child_says_nothing(board, program):
    body = """
assert reporter.flush(10)
child = os.fork()
if not child:
    os._exit(0)
os.waitpid(child, 0)
"""
    assert ends(program(body)) == (0, "")
    assert len({event["instance"] for event in board.events}) == 1


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_multiprocessing_flush_too(board, program, tmp_path, method):
    script = tmp_path / "service.py"
    script.write_text(
        BEGIN.format(url=board.url)
        + f"""
import multiprocessing
def work():
    try_call(breaker, works, 7)
if __name__ == "__main__":
    child = multiprocessing.get_context({method!r}).Process(target=work)
    child.start(); child.join(); assert child.exitcode == 0
"""
    )
    assert ends(program(f"import runpy; reporter.close(); runpy.run_path({str(script)!r}, run_name='__main__')")) == (
        0,
        "",
    )
    assert board.count("success") == 7


def test_an_instance_named_by_hand_is_told_apart_after_a_fork(board, program):
    body = """
reporter.close()
named = Reporter(reporter._board.url, "a-key", instance="orders")
named.attach(breaker)
assert named.flush(10)
child = os.fork()
breaker.call(works)
if child:
    os.waitpid(child, 0)
"""
    assert ends(program(body)) == (0, "")
    named = {event["instance"] for event in board.of("success")}
    assert len(named) == 2 and "orders" in named
    assert all(name.startswith("orders") for name in named)
