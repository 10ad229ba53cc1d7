"""Othello-GPT: a network that is shown nothing but moves keeps the board, and finds legal moves by local rules.

Trained on random games (training.py), it is asked three things: does it play by the rules it was never told, is
there a board in its activations that it uses (world.py), and of what parts is its knowledge of the rules made
(heuristics.py). As the board is known, it also judges what autoencoders find (sae.py).

Sources: Li et al. 2023, "Emergent World Representations" (arXiv 2210.13382); Nanda, Lee and Wattenberg 2023, "Emergent
Linear Representations" (arXiv 2309.00941); jylin04 et al. 2024, "OthelloGPT learned a bag of heuristics".
Limits: the papers' board is 8x8, their network 25 million parameters. Ours is 6x6, so that two CPU cores do it in an
hour; `full` is theirs, on a GPU. Passes are moves here and left out there (data/games/othello.py says why).
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from glassworks.core.config import from_dict
from glassworks.core.errors import RunError
from glassworks.core.files import locked
from glassworks.core.runs import Run
from glassworks.data.games.othello import play, vocab_size
from glassworks.models.gpt.model import GPT
from glassworks.reproductions.finding import Finding, Row
from glassworks.reproductions.folder import on_two_cores, open_or_create
from glassworks.reproductions.othello.games import FRESH, cached, scrambled
from glassworks.reproductions.othello.recipe import GameRecipe, experiment
from glassworks.reproductions.othello.training import held_out, score, train, tree_size

TITLE = "Othello-GPT: a board inside a network that is shown only moves"
SOURCE = "Li et al. 2023; Nanda, Lee and Wattenberg 2023 (arXiv 2309.00941); jylin04 et al. 2024"
URL = "https://arxiv.org/abs/2210.13382"

UNTRAINED, TRAINED = 93.29, 0.01
"""Percent of likeliest moves that are illegal: Li et al. 2023, section 2.3."""
GOAL = 0.5
"""Percent of likeliest moves that may be illegal, for this reproduction to have shown what the paper does."""
PUBLISHED_GAMES = 20.0
"""Millions."""
MINUTES = {"quick": (1.0, 6e-4), "default": (5.0, 1.4e-3)}
"""By scale, what comes after training, and a step of training, on two quiet cores."""

Part = Callable[[GPT, Path], list[Row]]
"""What is asked of the trained network: a function of it, and of a folder of its own to keep things in."""


def run(
    *,
    quick: bool = False,
    full: bool = False,
    folder: Path = Path("runs/othello"),
    seed: int | None = None,
    steps: int | None = None,
    command: Sequence[str] = (),
) -> Finding:
    """Train on random games, look inside, and save the finding in the run directory `folder`.

    Training writes checkpoints there, and each finished part its figures: the same call goes on where an earlier one
    was stopped or killed. Progress is told on stderr.

    Args:
        quick: train for 1,000 steps of half as many games, and look at fewer: the network is then far from done.
        full: the paper's 8x8 board, 20 million games and 25 million parameters; for a GPU.
        folder: a new run's folder, or that of an unfinished one with the same settings.
        seed: of weights, games and controls; None = 0.
        steps: of the training; None = as many as the scale has.
        command: what the user typed, for run.json.

    Raises:
        ValueError: settings that cannot be used.
        RunError: the folder holds something else, another process is at work in it, or the training diverges.
        KeyboardInterrupt: on ctrl-C, or SIGTERM while it trains; what is done is kept.
    """
    if quick and full:
        raise ValueError("quick and full exclude each other: choose one")
    recipe = experiment("quick" if quick else "full" if full else "default", seed=seed or 0, steps=steps)
    return repeat(recipe, parts_of(recipe), folder=folder, command=command)


def parts_of(recipe: GameRecipe) -> dict[str, Part]:
    """What is asked of the trained network, by name."""
    from glassworks.reproductions.othello import heuristics as othello_heuristics
    from glassworks.reproductions.othello import sae as othello_sae
    from glassworks.reproductions.othello import world as othello_world

    settings: dict[str, Any] = {"size": recipe.size, "seed": recipe.seed, "quick": recipe.scale == "quick"}
    return {
        "play": lambda model, _: list(play_rows(model, recipe)),
        "world": lambda model, folder: othello_world.rows(model, folder=folder, **settings),
        "heuristics": lambda model, folder: othello_heuristics.rows(model, folder=folder, **settings),
        "dictionary": lambda model, folder: othello_sae.rows(model, folder=folder, **settings),
    }


def repeat(recipe: GameRecipe, parts: Mapping[str, Part], *, folder: Path, command: Sequence[str] = ()) -> Finding:
    """Train, ask each part, and write the finding: `run`, with everything decided."""
    settings = {"name": "othello"}
    settings |= {name: getattr(recipe, name) for name in ("scale", "size", "expected", "growth", "steps", "seed")}
    with locked(Run(folder).lock, wait=False) as ours:
        if not ours:
            raise RunError(f"another process is at work in {folder}: wait for it, or choose another --name")
        opened = open_or_create(folder, settings, command, time_of(recipe), dataclasses.asdict(recipe))
        model = train(opened, recipe)
        rows = [row for name, part in parts.items() for row in rows_of(opened, name, part, model)]
        quick = recipe.scale == "quick"
        finding = Finding(TITLE, SOURCE, URL, tuple(rows), quick=quick, notes=tuple(notes(recipe, model)))
        finding.save(opened.path / "finding.json")
    return finding


def time_of(recipe: GameRecipe) -> str:
    """About how long it takes."""
    if recipe.scale == "full":
        return "hours on a GPU"
    fixed, step = MINUTES[recipe.scale]
    return on_two_cores(fixed + step * recipe.steps)


def rows_of(opened: Run, name: str, part: Part, model: GPT) -> list[Row]:
    """A part's rows; from its file if an earlier process finished it."""
    folder = opened.path / "evals" / name
    part_rows = cached(
        opened.eval_path(name), lambda: {"rows": [dataclasses.asdict(row) for row in part(model.eval(), folder)]}
    )
    return [from_dict(Row, row, "rows.") for row in part_rows["rows"]]


def play_rows(model: GPT, recipe: GameRecipe, *, games: int | None = None) -> Iterator[Row]:
    """Does it play by the rules? On `games` games that it was not trained on; None = as many as the scale looks at."""
    size = recipe.size
    moves = held_out(recipe, games or (2_000 if recipe.scale == "quick" else 10_000))
    at_random = score(scrambled(model, recipe.seed), moves[:1000], size)
    trained = score(model, moves, size)
    note = f"likeliest of {vocab_size(size)} tokens; the trained weights, each matrix shuffled"
    yield Row("illegal moves, random weights", UNTRAINED, 100 * at_random.illegal, "%", note=note)
    moves_made = trained.plies - trained.passes
    note = f"at all {moves_made:,} plies with a move to make, of {len(moves):,} games that it was not trained on"
    if recipe.scale == "default":
        note += f"; our goal, at most {GOAL}, is {'reached' if 100 * trained.illegal <= GOAL else 'MISSED'}"
    near = 0.03 if recipe.scale == "full" else None
    yield Row("illegal moves, trained", TRAINED, 100 * trained.illegal, "%", tolerance=near, note=note)
    note = f"at the {trained.passes:,} plies without a move, which the papers' games do not have"
    if trained.passes:
        yield Row("passes missed, trained", None, 100 * trained.missed, "%", note=note)
    yield Row("probability of illegal moves, trained", None, 100 * trained.mass, "%", note="mean over all plies")
    note = f"the mean of ln(legal moves) is {trained.floor:.4f}"
    yield Row("loss above the lowest possible", None, trained.loss - trained.floor, note=note)
    yield Row("games trained on", PUBLISHED_GAMES, recipe.games / 1e6, "million", "same", note="each read once")
    number = tree_size(play(100_000, size, recipe.seed, first=FRESH).moves, size)
    note = "estimated (Knuth 1975): next to none of them were seen"
    yield Row("games there are", None, number, "log10", "same", note=note)


def notes(recipe: GameRecipe, model: GPT) -> Iterator[str]:
    """What a reader of the table must know."""
    shape, size = recipe.model, recipe.size
    yield (
        f"Here: {size}x{size} board, {shape.n_layer} layers, {shape.n_head} heads, width {shape.n_embd}, "
        f"{model.num_params() / 1e6:.3g} million parameters ({shape.architecture}), {recipe.games:,} random games."
    )
    yield (
        "Both rows of the published probe table begin with x0. Read here: {mine, yours, empty} from after the first "
        "block on, as 90.9 % cannot be read from one move, and {black, white, empty} from before it on, as 62.2 % is "
        "about what each square's commonest state gives (61.8 %). Each stands beside our stream after as many blocks."
    )
    if recipe.scale != "full":
        yield (
            "Published: 8x8 board, 8 layers, 8 heads, width 512, 25 million parameters, 20,000,000 games. What another "
            "board and a smaller network give stands beside these figures; it is not compared."
        )
    if recipe.expected:
        yield (
            "The target of each ply was not the move drawn, as in the papers and by --full, but the distribution that "
            "it is drawn from, uniform over legal moves: the same gradient on average, without the noise of the draw."
        )
    yield (
        "A pass is a move here; the papers leave passes out. Positions beyond "
        f"{shape.n_ctx} plies, of fewer than one game in 250, are not asked for."
    )
    if recipe.growth:
        yield (
            f"Games were read from their beginning first: their first {recipe.plies(0)} plies, in three leaps more, "
            f"and whole for the last {1 - recipe.growth:.0%} of training."
        )
    if recipe.scale == "quick":
        yield f"The network was trained for {recipe.steps:,} steps only: it is far from done."
