import subprocess
import sys

import pytest

from glassworks.objectives.catalogue.listing import all_losses, loss_in_full
from glassworks.objectives.catalogue.record import TASKS
from glassworks.objectives.catalogue.table import LOSSES


def heads(lines: list[str]) -> list[str]:
    return [line.split(":")[0] for line in lines if line and not line.startswith(" ") and line.split(":")[0] in LOSSES]


def test_every_loss_is_listed_once_by_its_first_task() -> None:
    order = list(TASKS)
    assert heads(all_losses(None)) == sorted(LOSSES, key=lambda name: order.index(LOSSES[name].tasks[0]))
    assert all(set(loss.tasks) <= set(TASKS) for loss in LOSSES.values())


def test_a_list_can_be_of_a_task_or_of_a_word() -> None:
    assert heads(all_losses(None, task="depth")) == [name for name, loss in LOSSES.items() if "depth" in loss.tasks]
    assert {"mae", "quantile"} <= set(heads(all_losses(None, word="Median")))
    assert "gaussian_crps" not in heads(all_losses(None, word="median"))
    with pytest.raises(ValueError, match="there is no task 'regresion': regression, "):
        all_losses(None, task="regresion")
    with pytest.raises(ValueError, match="no loss speaks of 'xyzzy'"):
        all_losses(None, word="xyzzy")


@pytest.mark.parametrize("name", LOSSES)
def test_one_in_full_says_how_it_is_imported(name: str) -> None:
    text = "\n".join(loss_in_full(name.replace("_", "-"), 80))
    where = text.split("Python:")[1].strip()
    made: dict[str, object] = {}
    exec(where, made)
    assert LOSSES[name].function in made.values()
    assert LOSSES[name].formula.split()[0] in text


def test_a_name_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"there is no loss 'hubber': did you mean huber\?"):
        loss_in_full("hubber", 80)


def test_the_command_loads_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from glassworks.cli.main import run; assert run(['losses']) == run(['losses', 'mse']) == 0; "
        "assert not {'torch', 'numpy'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
