"""micrograd's own tests pass on this engine, with only their import changed.

They are read from a clone of https://github.com/karpathy/micrograd, which MICROGRAD names: `make peers` does.
"""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.peer


def test_micrograds_own_tests_pass() -> None:
    clone = os.environ.get("MICROGRAD")
    if not clone:
        pytest.skip("set MICROGRAD to the folder of a clone of micrograd")
    source = (Path(clone) / "test" / "test_engine.py").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    exec(source.replace("from micrograd.", "from glassworks.micro."), names)
    tests = [f for name, f in names.items() if name.startswith("test_") and callable(f)]
    assert len(tests) == 2
    for test in tests:
        test()
