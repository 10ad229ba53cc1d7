import subprocess
import sys

import pytest

from glassworks.objectives.catalogue.listing import CATALOGUES, Kind, all_entries, in_full
from glassworks.objectives.catalogue.record import TASKS
from glassworks.objectives.catalogue.table import LOSSES


def heads(lines: list[str]) -> list[str]:
    return [line.split(":")[0] for line in lines if line and not line.startswith(" ") and line.split(":")[0] in LOSSES]


def test_every_loss_is_listed_once_by_its_first_task() -> None:
    order = list(TASKS)
    assert heads(all_entries("loss", None)) == sorted(LOSSES, key=lambda name: order.index(LOSSES[name].tasks[0]))
    assert all(set(loss.tasks) <= set(TASKS) for loss in LOSSES.values())


def test_a_list_can_be_of_a_task_or_of_a_word() -> None:
    assert heads(all_entries("loss", None, task="depth")) == [
        name for name, loss in LOSSES.items() if "depth" in loss.tasks
    ]
    assert {"mae", "quantile"} <= set(heads(all_entries("loss", None, word="Median")))
    assert "gaussian_crps" not in heads(all_entries("loss", None, word="median"))
    with pytest.raises(ValueError, match="there is no task 'regresion': regression, "):
        all_entries("loss", None, task="regresion")
    with pytest.raises(ValueError, match="no loss speaks of 'xyzzy'"):
        all_entries("loss", None, word="xyzzy")


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, entries in CATALOGUES.items() for name in entries])
def test_one_in_full_says_how_it_is_imported(kind: Kind, name: str) -> None:
    entry = CATALOGUES[kind][name]
    text = "\n".join(in_full(kind, name.replace("_", "-"), 80))
    made: dict[str, object] = {}
    exec(text.split("Python:")[1].strip(), made)
    assert entry.function in made.values()
    assert entry.formula.split()[0] in text


def test_a_name_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"there is no loss 'hubber': did you mean huber\?"):
        in_full("loss", "hubber", 80)


def test_the_command_loads_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from glassworks.cli.main import run; "
        "assert not any(run(words) for words in (['losses'], ['losses', 'mse'], ['metrics'], ['metrics', 'r2'])); "
        "assert not {'torch', 'numpy'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
