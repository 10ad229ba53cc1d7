import subprocess
import sys

import pytest

from glassworks.optim.catalogue import METHODS
from glassworks.optim.listing import all_methods, method_in_full
from glassworks.optim.measured import DIGITS, SOLVED, measured


def test_every_method_is_listed_once_by_its_kind() -> None:
    lines = all_methods(None)
    heads = [line.split(":")[0] for line in lines if line and not line.startswith(" ")]
    assert [head for head in heads if head in METHODS] == sorted(METHODS, key=lambda name: order(METHODS[name].kind))
    text = "\n".join(lines)
    assert all(method.line in text and method.when in text for method in METHODS.values())


def order(kind: str) -> int:
    return ["gradient", "search", "rule"].index(kind)


@pytest.mark.parametrize("name", METHODS)
def test_one_in_full_says_how_to_train_with_it(name: str) -> None:
    text = "\n".join(method_in_full(name.replace("_", "-"), 80))
    assert f"--optimizer {name}" in text
    assert "seed" not in text.split("settings")[1].split("train:")[0]
    if name not in ("nelder_mead", "cobyqa", "bobyqa"):
        assert "--optimizer.lr " in text


def test_a_name_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"there is no optimizer 'cma-ess': did you mean cma_es\?"):
        method_in_full("cma-ess", 80)


def test_the_command_loads_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from glassworks.cli.main import run; assert run(['optimizers']) == run(['optimizers', 'pgpe']) == "
        "0; assert not {'torch', 'numpy'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_what_was_measured_is_of_methods_that_there_are_and_is_shown() -> None:
    assert set(DIGITS) | set(SOLVED) <= set(METHODS)
    for name in METHODS:
        shown = [line for line in method_in_full(name, None) if line.startswith("  measured ")]
        assert shown == ([f"  measured {measured(name)}"] if name in {**DIGITS, **SOLVED} else [])
    assert measured("openai_es").startswith(f"{SOLVED['openai_es'][0]} % of test functions solved in 2 dimensions")
