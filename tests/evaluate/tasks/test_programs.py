"""Problems whose answers are programs: test texts as data, verdicts, and files that are refused."""

import ast
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glassworks.core.errors import FileDamaged
from glassworks.evaluate.sandbox.outcome import Answer, Outcome
from glassworks.evaluate.sandbox.sandbox import Sandbox
from glassworks.evaluate.tasks.programs.checks import Check, check_of
from glassworks.evaluate.tasks.programs.extraction import RULES, program_of
from glassworks.evaluate.tasks.programs.judging import calibrated, calibrated_once, judged
from glassworks.evaluate.tasks.programs.problems import read_problems

HUMANEVAL = Path(__file__).parents[4] / "shared/data/HumanEval.jsonl.gz"
ROW = {
    "task_id": "own/0",
    "prompt": "def add(a, b):\n",
    "entry_point": "add",
    "canonical_solution": "    return a + b\n",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate('a', 'b') == 'ab'\n",
}
PLUS = {**ROW, "base_input": [[1, 2]], "plus_input": [[0.1, 0.2], [[1], [2]]], "atol": 0}
del PLUS["test"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(1, lowest=0) as found:
        yield found


def written(folder: Path, *rows: Any) -> Path:
    path = folder / "own.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def check(text: str, prompt: str = "") -> Check:
    return check_of(ast.parse(text).body, {"candidate", "f"}, prompt)


def says(found: Check, *values: Any) -> list[bool]:
    return found.judge(Outcome("whole", [v if isinstance(v, Answer) else Answer(v) for v in values]))


def test_inputs_are_read_of_a_text_and_nothing_is_executed() -> None:
    found = check(
        "for x in range(2):\n    assert candidate(x, [x + 1] * 2) == str(x)\nassert True\nassert abs(f(3 * 19)) < 1e-6"
    )
    assert found.inputs == [[0, [1, 1]], [1, [2, 2]], [57]]
    assert says(found, "0", "1", 1e-9) == [True, True, True, True]
    assert says(found, "0", 1, 1.0) == [True, False, True, False]


def test_random_inputs_are_the_same_each_time_and_their_answers_are_known() -> None:
    text = "from random import randint\nfor _ in range(9):\n    x = randint(0, 99)\n    assert candidate(x) == x"
    found = check(text)
    assert len({given[0] for given in found.inputs}) > 3
    assert all(says(found, *(given[0] for given in found.inputs)))


def test_functions_of_the_prompt_are_computed_here() -> None:
    prompt = "import math\ndef g(xs, x):\n    return sum([math.pow(x, i) * c for i, c in enumerate(xs)])\ndef f(): pass"
    found = check("xs = [1, 2]\ny = candidate(xs)\nassert math.fabs(g(xs, y)) < 1e-4".replace("math", "math"), prompt)
    assert says(found, -0.5) == [True]
    assert says(found, 0.5) == [False]
    assert says(found, "text") == [False]


def test_each_assertion_has_its_own_answers_however_another_ends() -> None:
    found = check("assert candidate(1) + 1 == 2\nassert candidate(2) == 2\nassert tuple(candidate(3)) == tuple(f(4))")
    assert says(found, "no number", 2, [3], (3,)) == [False, True, True]
    assert says(found, Answer(error="ValueError"), 2, [3], None) == [False, True, False]
    assert says(found, 1) == [True, False, False]


def test_truth_is_as_python_has_it() -> None:
    found = check("assert candidate(1)\nassert not candidate(2)\nassert candidate(3) is True\nassert candidate(4) == 1")
    assert says(found, [1], [], True, True) == [True] * 4
    assert says(found, [], [1], 1, "1") == [False] * 4


@pytest.mark.parametrize(
    "text",
    [
        "assert candidate(__import__('os'))",
        "import os\nassert candidate(1)",
        "assert candidate(().__class__)",
        "assert candidate(lambda: 1)",
        "with open('a') as a: assert candidate(a)",
        "assert candidate(9 ** 9999)",
        "while True: pass",
        "exec('1')\nassert candidate(1)",
        "assert candidate([x for x in range(10**9)])",
        "assert 1 == 1",
        "assert candidate(x=1)",
    ],
)
def test_a_text_that_does_more_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"may not|too large|without end|calls candidate"):
        check(text)


def test_right_and_wrong_programs_are_told_apart(tmp_path: Path, sandbox: Sandbox) -> None:
    problems = read_problems(written(tmp_path, ROW, {**PLUS, "task_id": "own/1"})).problems
    known = calibrated(problems, sandbox)
    assert [k.passed for k in known] == [True, True]
    bodies = ["return a + b", "return b + a", "return 3", "raise SystemExit", "while True: pass", "return None", "(("]
    programs = [(at, f"def add(a, b):\n    {body}\n") for at in (0, 1) for body in bodies if body != "while True: pass"]
    found = judged(problems, known, programs, sandbox)
    assert [v.passed for v in found] == [True, *[False] * 5, True, *[False] * 5]
    assert found[1].row == {**found[1].row, "how": "1 of 2 tests failed", "failed_tests": [1]}
    assert found[5].how == "the program raised SyntaxError"


def test_decimals_need_only_be_near(tmp_path: Path, sandbox: Sandbox) -> None:
    problems = read_problems(written(tmp_path, {**PLUS, "plus_input": [[0.1, 0.2]], "atol": 1e-6})).problems
    known = calibrated(problems, sandbox)
    program = "def add(a, b):\n    return a + b if a > 0.5 else 0.3000001\n"
    assert [
        v.passed for v in judged(problems, known, [(0, program), (0, program.replace("00001", "01"))], sandbox)
    ] == [
        True,
        False,
    ]


def test_expected_values_are_kept_by_digest(tmp_path: Path, sandbox: Sandbox) -> None:
    problems = read_problems(written(tmp_path, PLUS)).problems
    first = calibrated_once(problems, sandbox, tmp_path / "kept")
    [file] = (tmp_path / "kept").iterdir()
    assert calibrated_once(problems, sandbox, tmp_path / "kept") == first
    assert first[0].expected == (3, 0.1 + 0.2, [1, 2])
    file.write_text(file.read_text(encoding="utf-8").replace("0.30000000000000004", "0.31"), encoding="utf-8")
    with pytest.raises(FileDamaged, match="remove it"):
        calibrated_once(problems, sandbox, tmp_path / "kept")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({k: v for k, v in ROW.items() if k != "prompt"}, "line 1: it has no text 'prompt'"),
        ({**ROW, "test": 3}, "line 1: it has no text 'test'"),
        ({**ROW, "test": "def other(): pass"}, r"line 1: its test has no function check\(candidate\)"),
        ({**ROW, "test": "def check(:"}, "line 1: it is no Python"),
        ({**PLUS, "plus_input": [3]}, "line 1: base_input and plus_input"),
        ([1], "line 1: it is no object"),
        ({**ROW, "prompt": "#" * (11 << 20)}, "line 1: it has 12 MB, of at most 10"),
    ],
)
def test_a_line_that_is_no_problem_is_named(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_problems(written(tmp_path, row))


def test_a_file_that_is_not_what_it_should_be_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, ROW)
    assert read_problems(path).known_as is None
    with pytest.raises(ValueError, match=r"is not humaneval as published.*--task programs"):
        read_problems(path, "humaneval")
    with pytest.raises(ValueError, match="own/0 twice"):
        read_problems(written(tmp_path, ROW, ROW))
    with pytest.raises(ValueError, match="no problem"):
        read_problems(written(tmp_path))
    (tmp_path / "broken.gz").write_bytes(gzip.compress(b"x" * 99)[:-9])
    with pytest.raises(ValueError, match="cannot be read"):
        read_problems(tmp_path / "broken.gz")
    with pytest.raises(ValueError, match="cannot be read"):
        read_problems(tmp_path / "absent.jsonl")


def test_rules_cut_where_they_say() -> None:
    text = "    return 1\n\nassert f() == 1\n\ndef g():\n    pass\n# end"
    bodies = {rule: program_of(rule, "P\n", text, "f")[2:] for rule in RULES}
    assert bodies["paper-1"] == "    return 1\n\nassert f() == 1\n"
    assert bodies["evalplus-1"] == "    return 1\n"
    assert bodies["none-1"] == bodies["fenced-1"] == text
    chat = "Here it is:\n```python\ndef f():\n    return 2\n```\nDone."
    assert program_of("fenced-1", "def f():\n", chat, "f").endswith("pass\n\ndef f():\n    return 2\n")
    with pytest.raises(ValueError, match="is none of paper-1"):
        program_of("own", "", "", "")


@pytest.mark.slow
def test_humanevals_canonical_solutions_all_pass_and_forged_ones_do_not() -> None:
    if not HUMANEVAL.exists():
        pytest.skip(f"{HUMANEVAL} is not there")
    file = read_problems(HUMANEVAL, "humaneval")
    assert file.known_as == "openai/human-eval 6d43fb9"
    assert len(file.problems) == 164
    assert sum(len(p.calls) for p in file.problems) > 1500
    with Sandbox(2, lowest=0) as sandbox:
        known = calibrated(file.problems, sandbox)
        assert [p.task_id for p, k in zip(file.problems, known, strict=True) if not k.passed] == []
        equal = "class A:\n    __eq__ = __lt__ = __bool__ = lambda *a: True\n    __sub__ = __abs__ = lambda s, *a: s\n"
        cheats = [(at, f"{equal}def {p.entry_point}(*a): return A()\n") for at, p in enumerate(file.problems)]
        assert not any(v.passed for v in judged(file.problems, known, cheats, sandbox))
