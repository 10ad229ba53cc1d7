import json
import time
from pathlib import Path

import pytest

from glassworks.tune.rewards.ask import ask
from glassworks.tune.rewards.unit_tests import Case, cases_of, of_file, passed, unit_tests, verdict

ADD = [Case("add(1, 2)", 3), Case("add(-1, 1)", 0)]
RIGHT = "def add(a, b):\n    return a + b\n"


def test_a_right_program_passes_and_a_wrong_one_in_part() -> None:
    assert passed(RIGHT, ADD) == 1
    assert passed("def add(a, b):\n    return 3\n", ADD) == 0.5
    assert passed("def add(a, b)", ADD) == 0
    assert passed("def add(a, b):\n    raise ValueError\n", ADD) == 0


@pytest.mark.parametrize(
    "cheat",
    [
        'print(\'["3", "0"]\')\nimport os; os._exit(0)',
        "import sys; sys.exit(0)",
        "class Any(int):\n    __eq__ = lambda s, o: True\n    __repr__ = lambda s: 'True'\nadd = lambda a, b: Any()",
        "import sys; sys.stdout.write('[\"3\"]')",
    ],
)
def test_the_verdict_is_formed_where_the_program_is_not(cheat: str) -> None:
    assert passed(cheat, ADD) == 0


def test_what_never_ends_or_eats_memory_is_stopped(tmp_path: Path) -> None:
    began = time.monotonic()
    assert passed("while True: pass", ADD, seconds=1) == 0
    assert passed("import time; time.sleep(60)", ADD, seconds=1) == 0
    assert passed("x = bytearray(1 << 31)" + "\n" + RIGHT, ADD, megabytes=256) == 0
    assert time.monotonic() - began < 20


def test_a_program_sees_no_environment_and_writes_beside_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "it")
    assert passed("import os\ndef f(): return os.environ.get('SECRET')\n", [Case("f()", None)]) == 1
    assert passed("open('there', 'w').write('x')\ndef f(): return 1\n", [Case("f()", 1)]) == 1
    assert not Path("there").exists()


def test_values_are_of_their_type() -> None:
    assert passed("def f(): return True\n", [Case("f()", 1)]) == 0
    assert passed("def f(): return 0.1 + 0.2\n", [Case("f()", 0.3)]) == 1
    assert passed("def f(): return [1, (2, 'x')]\n", [Case("f()", [1, (2, "x")])]) == 1


def test_what_comes_back_may_be_anything() -> None:
    for out in (b"", b"{", b"[1, 2]", b'["3"]', b'{"a": 1}', b"[" * 70_000, b"null"):
        assert verdict(out, ADD) == 0


def test_cases_are_read_and_not_run() -> None:
    source = "def check(f):\n    assert f(1) == [2]\n    assert f(2) == g(3)\n    assert f(3)\nopen('x', 'w')\n"
    assert cases_of(source) == [Case("f(1)", [2])]
    with pytest.raises(ValueError, match=r"has no case: give some as assert add\(1, 2\) == 3"):
        cases_of("assert True")


def test_a_file_has_a_test_for_each_prompt(tmp_path: Path) -> None:
    file = tmp_path / "tests.jsonl"
    file.write_text(json.dumps({"prompt": "def add(a, b):\n", "test": "assert add(1, 2) == 3"}) + "\n")
    reward = of_file(str(file))
    found = ask(reward, ["def add(a, b):\n", "other"], ["    return a + b", ""])
    assert found.values[0] == 1
    assert found.faults == ("completion 1 (''): ValueError: its prompt has no tests",)
    file.write_text("{}\n")
    with pytest.raises(ValueError, match=r"tests.jsonl, line 1: .*: give prompt and test"):
        of_file(str(file))


def test_a_prompt_and_its_completion_are_one_program() -> None:
    assert unit_tests({"def add(a, b):\n": ADD})(["def add(a, b):\n"], ["    return a + b\n"]).tolist() == [1]
