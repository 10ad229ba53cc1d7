"""Time in which this process was stopped is told from time in which it was slow."""

import os
import signal
import subprocess
import sys
import time

import pytest

from glassworks.core.machine.awake import Awake


def told(monkeypatch: pytest.MonkeyPatch, *looks: tuple[float, float], beats: bool = True) -> float:
    """What the clock says after somebody was seen at these moments, when the process had run for so long."""
    clock, now = Awake(), (0.0, 0.0)
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(time, "process_time", lambda: now[1])
    for now in ((0.0, 0.0), *looks):  # noqa: B007  # read by the clocks
        if beats:
            clock.beat()
        seconds = clock()
    return seconds


def test_a_stop_does_not_count_and_slow_work_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, (0.25, 0.2), (300.25, 0.2), (301.25, 1.2)) == 1.25  # stopped for five minutes
    assert told(monkeypatch, (0.25, 0.2), (30.25, 12.0)) == 30.25  # a call of C that let nobody in
    assert told(monkeypatch, *((0.25 * i, 0.0) for i in range(1, 41))) == 10  # waiting for a disk
    assert told(monkeypatch, (60.0, 0.0), beats=False) == 60  # nobody is seen regularly: nothing is known


def test_a_process_that_was_stopped_by_a_signal_knows(tmp_path) -> None:  # type: ignore[no-untyped-def]
    code = (
        "import sys, time; from glassworks.core.machine import company; "
        "from glassworks.core.machine.awake import awake; "
        "company.watch(); time.sleep(0.5); began = time.perf_counter(), awake(); print('now', flush=True); "
        "sys.stdin.readline(); print(time.perf_counter() - began[0], awake() - began[1])"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin
    assert child.stdout
    child.stdout.readline()
    os.kill(child.pid, signal.SIGSTOP)
    time.sleep(3)
    os.kill(child.pid, signal.SIGCONT)
    out, _ = child.communicate("\n", timeout=60)
    wall, known = map(float, out.split())
    assert wall - known > 2.5
