"""Advice is a command that works when it is pasted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CALL = "import sys; sys.argv[0] = {!r}; from glassworks.core.called import command; print(command('eval', 'my run'))"


@pytest.mark.parametrize(
    ("called", "on_path", "line"),
    [
        ("bin dir/glassworks", False, "'bin dir/glassworks' eval 'my run'"),
        ("bin dir/glassworks", True, "glassworks eval 'my run'"),
        ("/elsewhere/glassworks", False, "/elsewhere/glassworks eval 'my run'"),
        ("/a/glassworks/__main__.py", False, f"{sys.executable} -m glassworks eval 'my run'"),
        ("", False, "glassworks eval 'my run'"),
    ],
)
def test_advice_calls_the_program_as_it_was_called(tmp_path: Path, called: str, on_path: bool, line: str) -> None:
    script = tmp_path / "bin dir" / "glassworks"
    script.parent.mkdir()
    script.touch(mode=0o755)
    path = str(script.parent) if on_path else str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", CALL.format(called)],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == line
