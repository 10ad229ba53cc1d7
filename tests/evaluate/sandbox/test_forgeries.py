"""Programs that cheat: what is forged does not pass, as the verdict is formed outside of values that arrived."""

import pytest
from tests.evaluate.sandbox.attacks import attack, passes, value

from glassworks.evaluate.sandbox.sandbox import Sandbox

FORGERIES = {
    "an object that equals everything": "class A:\n __eq__ = lambda s, o: True\n __hash__ = None\ndef f(): return A()",
    "a number that equals everything": "class A(int):\n __eq__ = lambda s, o: True\ndef f(): return A(3)",
    "a list whose items equal everything": "class A(str):\n __eq__ = lambda s, o: True\ndef f(): return [A('x')]",
    "a class that says it is another": "class A:\n __class__ = property(lambda s: int)\n __eq__ = lambda s, o: True\n"
    "def f(): return A()",
    "an early end": "import os\nos._exit(0)",
    "an end within the call": "import os\ndef f(): os._exit(0)",
    "an exit": "import sys\nsys.exit(0)",
    "an interruption": "def f(): raise KeyboardInterrupt",
    "a forged end": 'import os\nos.write(3, b\'["ok",41,0.0]\\n["end","0000000000000000",1]\\n\')\nos._exit(0)',
    "an end that was walked to": """
import os, sys, json
def f():
    frame = sys._getframe()
    while frame:
        told = frame.f_locals.get("told")
        if isinstance(told, dict) and "nonce" in told:
            os.write(3, "\\n".join(map(json.dumps, (["ok", 41, 0.0], ["end", told["nonce"], 1], 0))).encode())
            os._exit(0)
        frame = frame.f_back
""",
    "more answers than calls": "import os\nos.write(3, b'[\"ok\",42,0.0]\\n')\ndef f(): return 42",
    "noise among the answers": "import os\nos.write(3, b'passed\\n')\ndef f(): return 42",
    "half a line": "import os\nos.write(3, b'[\"ok\",42')\ndef f(): return 42",
    "nesting without end": "import os\nos.write(3, b'[' * 100000 + b'\\n')\ndef f(): return 42",
    "json that was changed": """
import json, builtins
json.dumps = lambda *a, **k: '["ok",42,0.0]'
builtins.isinstance = lambda *a: True
builtins.type = lambda x: int
def f(): return 0
""",
    "what sends was changed": """
import sys
child = sys.modules["glassworks.evaluate.sandbox.child"]
child.wire.packed = child.wire.line = lambda *a: b'["ok",42,0.0]\\n'
def f(): return 41
""",
    "a class with a hostile name": """
class M(type):
    __name__ = property(lambda c: 1 / 0)
class E(Exception, metaclass=M):
    def __str__(self): raise SystemExit
    __repr__ = __str__
def f(): raise E
""",
    "itself within itself": "a = []\na.append(a)\ndef f(): return a",
    "nothing that is called so": "g = 42",
    "a program that is no text of Python": "def f(:",
}


@pytest.mark.parametrize("name", list(FORGERIES))
def test_what_is_forged_does_not_pass(walled: Sandbox, name: str) -> None:
    assert not passes(attack(walled, FORGERIES[name]), 42)


def test_the_honest_program_passes(walled: Sandbox) -> None:
    assert passes(attack(walled, "def f(): return 42"), 42)


def test_the_expected_value_is_nowhere_in_its_process(walled: Sandbox) -> None:
    expected = "".join(["the value", " that is", " expected"])
    program = "import gc\ndef f(): return any('val' + 'ue that' in str(o) for o in gc.get_objects() if type(o) is dict)"
    outcome = attack(walled, program)
    assert value(outcome) is False
    assert not passes(outcome, expected)
