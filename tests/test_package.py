"""`import glassworks as gw`: short names for what is used most, and nothing heavy until they are used."""

import ast
import importlib
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import glassworks as gw
from glassworks.cli.arguments.parse import Arguments
from glassworks.core.config import read_toml


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, glassworks as gw; dir(gw); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "tyro", "rich", "tokenizers", "pyarrow", "numba"} & set(loaded)
    assert [name for name in loaded if name.startswith("glassworks")] == ["glassworks"]


@pytest.mark.parametrize("name", gw.__all__)
def test_a_short_name_is_the_thing_itself(name: str) -> None:
    home = next(module for module, names in gw.HOMES.items() if name in names)
    assert getattr(gw, name) is getattr(importlib.import_module(f"glassworks.{home}"), name)
    assert name in dir(gw)


def test_a_type_checker_is_told_of_the_same_names() -> None:
    tree = ast.parse(Path(gw.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    told = {(node.module, name.name) for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names}
    assert told == {(f"glassworks.{module}", name) for module, names in gw.HOMES.items() for name in names}
    assert sorted(gw.__all__) == sorted(name for names in gw.HOMES.values() for name in names)


def test_the_version_stands_in_one_place_and_heads_the_changelog() -> None:
    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project
    newest = next(line for line in (root / "CHANGELOG.md").read_text("utf-8").splitlines() if line.startswith("## "))
    assert newest.split()[1] == gw.__version__


MODULES = [module.name for module in pkgutil.walk_packages(gw.__path__, "glassworks.")]


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_every_module_can_be_imported(name: str) -> None:
    """With whatever Python and torch there is: `make oldest` asks it, too."""
    importlib.import_module(name)


def test_another_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'capure'"):
        gw.capure  # noqa: B018


def test_recipes_lie_in_the_package_and_can_be_read() -> None:
    """So that a wheel has them."""
    from glassworks.cli.training.kind import kind_asked_for, recipe_for
    from glassworks.train.recipes import RECIPES, find_recipe

    assert RECIPES.is_relative_to(Path(gw.__file__).parent)
    names = [path.stem for path in RECIPES.glob("*.toml")]
    assert "shakespeare-char" in names
    for name in names:
        values = read_toml(find_recipe(name))
        kind, _ = kind_asked_for(Arguments(), values)
        assert recipe_for(kind, values, find_recipe(name)).steps > 0


def test_arguments_of_another_type_are_told_by_name() -> None:
    """In a process of its own, where nothing checks types before we do."""
    code = """
import glassworks as gw, numpy, pathlib, torch
from functools import partial
from glassworks.optim.config import OptimizerConfig, ScheduleConfig
assert type(gw.Recipe(steps=numpy.int64(3)).steps) is type(gw.GPTConfig(n_layer=numpy.int64(3)).n_layer) is int
assert OptimizerConfig(betas=[0, 0.5]).betas == (0, 0.5)
model = gw.GPT(gw.GPTConfig(vocab_size=257, n_ctx=8, n_layer=1, n_head=1, n_embd=8))
for call in (
    lambda: gw.Recipe(steps="3"),
    lambda: gw.Recipe(minutes="3"),
    lambda: gw.Recipe(data=pathlib.Path("a.txt")),
    lambda: gw.Recipe(held_out=1),
    lambda: OptimizerConfig(lr="3"),
    lambda: ScheduleConfig(warmup="3"),
    lambda: gw.GPTConfig(rope_theta="3"),
    lambda: gw.generate(torch.nn.Linear(2, 2), None, []),
    lambda: gw.generate(model, None, None),
    lambda: gw.load_tokenizer("nowhere"),
    *(partial(call, "a") for call in (gw.model_of, gw.corpus_of_run, gw.pretrain, gw.evaluate_run, gw.write_report)),
):
    try:
        call()
    except ValueError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        "steps (='3') must be a whole number",
        "minutes (='3') must be a number or left out",
        "data (=PosixPath('a.txt')) must be a text or a list, each a text",
        "held_out (=1.0) is a share of the documents",
        "lr (='3') must be a number or left out",
        "warmup (='3') must be a whole number",
        "rope_theta (='3') must be a number",
        "model (a Linear) must be a GPT",
        "prompts (=None) must be a list of texts",
        "there is no tokenizer at nowhere",
        *["run (='a') must be a Run"] * 5,
    ]
