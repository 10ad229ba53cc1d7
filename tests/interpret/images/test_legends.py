"""What every legend of this wing must say, and that saying it loads neither torch nor NumPy."""

import importlib
import pkgutil
import re
import subprocess
import sys

import pytest

from glassworks.interpret.images import legends
from glassworks.interpret.images.legends.training import removal_legend
from glassworks.trace.legend import Legend

MODULES = [f"{legends.__name__}.{found.name}" for found in pkgutil.iter_modules(legends.__path__)]
LEGENDS = {
    f"{name.rpartition('.')[2]}.{key}": value
    for name in MODULES
    for key, value in vars(importlib.import_module(name)).items()
    if isinstance(value, Legend)
} | {"training.removal_legend": removal_legend((), False)}


@pytest.mark.parametrize("name", LEGENDS)
def test_a_legend_asks_reads_and_says_what_nothing_is_and_what_the_control(name: str) -> None:
    legend = LEGENDS[name]
    assert legend.question.endswith("?")
    for part in ("measure", "reading", "nothing", "control"):
        assert re.search(r"\w{3,}.*\.$", getattr(legend, part)), part
    assert legend.title
    assert all(about.title or about.show in ("kept", "beside") for about in legend.quantities.values())


def test_legends_load_neither_torch_nor_numpy() -> None:
    code = f"import sys, {', '.join(MODULES)}; print(sorted({{'torch', 'numpy'}} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
