"""What a sandbox does for an honest program, what it says, and what it refuses."""

import math
import os
import sysconfig
from pathlib import Path

import pytest
from tests.evaluate.sandbox.conftest import gone

from glassworks.evaluate.sandbox import sandbox as module
from glassworks.evaluate.sandbox.layers import LAYERS, LEVELS, in_words, level_of
from glassworks.evaluate.sandbox.outcome import Job
from glassworks.evaluate.sandbox.sandbox import Sandbox
from glassworks.evaluate.sandbox.walls import seccomp
from glassworks.evaluate.sandbox.wire import Foreign, packed, unpacked

VALUES = [
    None, True, 0, -1, 1 << 5000, 1.5, math.inf, "é\ud800", [1, [2]], (1, (2, [])), {1: "a", (2, 3): {4}},
    frozenset({1}), b"\x00a", bytearray(b"b"), 1 + 2j, [], (), {}, set(),
]  # fmt: skip


def test_plain_values_arrive_as_what_they_were(walled: Sandbox) -> None:
    [outcome] = walled.run([Job("def same(x): return x", tuple((value,) for value in VALUES), "same")])
    assert outcome.whole, outcome.how
    got = [answer.value for answer in outcome.answers]
    assert got == VALUES
    assert [type(value) for value in got] == [type(value) for value in VALUES]


def test_a_class_that_extends_a_plain_one_arrives_plain() -> None:
    from collections import Counter, namedtuple
    from enum import IntEnum

    pair = namedtuple("pair", "a b")(1, 2)
    values = [Counter("aab"), pair, IntEnum("E", "A").A, type("S", (str,), {})("s"), type("F", (float,), {})(2.5)]
    got = [unpacked(packed(value)) for value in values]
    assert got == [{"a": 2, "b": 1}, (1, 2), 1, "s", 2.5]
    assert [type(value) for value in got] == [dict, tuple, int, str, float]


def test_what_is_no_plain_value_equals_nothing() -> None:
    got = unpacked(packed(object()))
    assert isinstance(got, Foreign)
    assert got != got
    assert got != 1
    assert isinstance(unpacked({"?": "x" * 1000}), Foreign)


@pytest.mark.parametrize("text", [{"x": 1}, {}, {"i": 5}, {"d": [1]}, {"s": [[]]}, {"c": [[]]}, {"b": "zz"}])
def test_what_was_never_packed_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"not a value|hex"):
        unpacked(text)


def reachable(name: str) -> bool:
    """Whether everybody can go into a folder."""
    return all(folder.stat().st_mode & 1 for folder in (Path(name), *Path(name).parents))


def test_programs_use_the_library_and_their_folder(walled: Sandbox) -> None:
    program = "import sqlite3, collections\ndef f():\n open('a', 'w').write('x')\n return open('a').read()"
    if os.geteuid() == 0 and "namespaces" not in walled.layers and not reachable(sysconfig.get_paths()["stdlib"]):
        pytest.skip("root's own Python is not readable to nobody, and there are no namespaces")
    [outcome] = walled.run([Job(program, ("f()", "sqlite3.connect(':memory:').execute('select 2').fetchall()"))])
    assert [answer.value for answer in outcome.answers] == ["x", [(2,)]], outcome


def test_each_call_says_what_it_raised_and_the_rest_go_on(sandbox: Sandbox) -> None:
    [outcome] = sandbox.run([Job("def f(x): return 1 // x", ((0,), (1,)), "f")])
    assert [answer.error for answer in outcome.answers] == ["ZeroDivisionError", None]
    assert outcome.whole


def test_a_program_that_takes_too_long_keeps_the_answers_before(sandbox: Sandbox) -> None:
    [outcome] = sandbox.run([Job("def f(x):\n while x: pass\n return x", ((0,), (1,), (0,)), "f", seconds=1.5)])
    assert outcome.how == "took more than 1.5 s"
    assert [answer.value for answer in outcome.answers] == [0]


def test_a_program_that_cannot_be_read_says_so(sandbox: Sandbox) -> None:
    [outcome] = sandbox.run([Job("def f(:", ("f()",))])
    assert outcome.how == "the program raised SyntaxError"


def test_outcomes_come_in_the_order_of_their_jobs() -> None:
    with Sandbox(workers=2, lowest=0) as two:
        outcomes = two.run([Job(f"import time; time.sleep({0.1 * (n == 0)})", (str(n),)) for n in range(5)])
    assert [outcome.answers[0].value for outcome in outcomes] == [0, 1, 2, 3, 4]


def test_a_server_that_is_lost_is_begun_anew() -> None:
    with Sandbox(workers=1, lowest=0) as found:
        peer = found.peers.get()
        found.peers.put(peer)
        peer.process.kill()
        lost, again = found.run([Job("", ("1",)), Job("", ("1",))])
        gone(peer.process.pid)
    assert "sandbox has ended" in lost.how
    assert again.whole


def test_levels_count_the_walls_of_the_weakest_way() -> None:
    assert level_of([]) == 0
    assert level_of(["process"]) == 0
    assert level_of(["process", "limits", "landlock"]) == 1  # the network is open
    assert level_of(["process", "limits", "namespaces"]) == 2
    assert level_of(LAYERS) == 3
    assert sorted(LEVELS) == [0, 1, 2, 3]


def test_what_is_not_in_force_is_said(sandbox: Sandbox) -> None:
    assert str(sandbox) == in_words(sandbox.layers)
    assert in_words(["process"]).startswith("sandbox level 0 of 3 (a bare process)")
    assert "absent here: limits, namespaces, landlock, seccomp" in in_words(["process"])


@pytest.mark.parametrize("lowest", [1, 2])
def test_a_level_below_what_is_accepted_is_refused(lowest: int) -> None:
    with pytest.raises(ValueError, match=r"sandbox level 0 of 3.*accept it by --lowest 0"):
        Sandbox(workers=1, lowest=lowest, layers=["process"])


def test_a_system_without_any_wall_is_refused_and_nothing_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.os, "name", "nt")
    with pytest.raises(ValueError, match=r"not on .*nothing was run and nothing is scored"):
        Sandbox()


@pytest.mark.parametrize(("field", "value"), [("seconds", 0.0), ("seconds", 1e9), ("megabytes", 1)])
def test_limits_that_make_no_sense_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        Job("", **{field: value})


@pytest.mark.parametrize("machine", list(seccomp.ARCHITECTURES))
def test_a_filter_jumps_only_within_itself_and_allows_no_way_out(machine: str) -> None:
    words = len(seccomp.filter_of(machine)) // 8
    assert words == len(seccomp.allowed(machine)) + 8
    assert max(seccomp.allowed(machine)) < 450
    ways = {"x86_64": {41, 56, 57, 58, 59, 62, 101, 105, 165, 272, 435}, "aarch64": {198, 220, 221, 129, 117, 40, 97}}
    assert not ways[machine] & set(seccomp.allowed(machine))  # socket, clone, execve, kill, ptrace, mount, unshare


def test_no_more_is_taken_than_was_said(sandbox: Sandbox) -> None:
    [outcome, more] = sandbox.run([Job("", ("'a' * (2 << 20)",), most=n << 20) for n in (1, 3)])
    assert outcome.how == "too much output"
    assert not outcome.whole
    assert more.whole
    assert len(more.answers[0].value) == 2 << 20
