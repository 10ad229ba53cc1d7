"""Kinds of run: what each is of, which commands can use it, and what opens it. A new kind has its entry here.

run.json says the kind by its name. A reproduction's is the reproduction's; a run that says none is of text. Functions
of rooms above are named by texts, "module:function", and are imported when they are called for.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Measure:
    """Something that is made of a finished model."""

    files: tuple[str, ...]
    """What is then in the run's folder."""
    by: str
    """The function of the run that makes it."""
    doing: str
    """What is said meanwhile."""


@dataclass(frozen=True)
class Stages:
    """What `train` calls for a kind of run, beside its measures."""

    recipe: str
    """What its runs are made by, a class over `Training`."""
    checks: str
    """A recipe to nothing: refuses one whose data are not there, before anything is read or loaded."""
    starts: str
    """(path, recipe, command, ranks) to a run that is prepared, and not yet trained."""
    trains: str
    """(run, ranks, report) to whether it got to its end: trains it, and says what it comes by on the way."""
    overview: str
    """(run, ranks, steps done) to lines, each a name and a text: what it is about to do."""
    further: str
    """The run to lines, each a name and a command: what to do with it next."""


@dataclass(frozen=True)
class Score:
    """How good a finished model is."""

    task: str
    """What its evaluation is called: evals/<task>.json."""
    table: str
    """(result, width) to what `eval` prints of it."""
    conclusions: str
    """The result to sentences: what it comes to."""


@dataclass(frozen=True)
class Kind:
    """What can be known of a kind of run before anything of it is loaded."""

    what: str
    """What a run is, in words: "is ..."."""
    commands: tuple[str, ...]
    """Those that can use it, beside `runs`."""
    opens: str | None = None
    """Where its `(run, device) -> Opened` is. None = it has no model."""
    model: tuple[str, ...] = ("model/config.json", "model/model.safetensors")
    """The files of a finished model."""
    measures: Mapping[str, Measure] = field(default_factory=dict)
    """What is then made of the model, in this order, by its name in words."""
    stages: Stages | None = None
    """None = `train` does not train it."""
    score: Score | None = None
    """None = it has none of its own."""

    def refusal(self, use: str) -> str:
        """What is said to a command that cannot use it, and which can."""
        *others, last = self.commands
        return f"{use} cannot use it, but {' and '.join(filter(None, [', '.join(others), last]))} can"


def found(place: str) -> Any:
    """The function or class that a text names, imported now."""
    module, name = place.split(":")
    return getattr(importlib.import_module(module), name)


TEXT_TRACES = tuple(f"traces/{name}.json" for name in ("attention", "logit_lens", "surprise", "health"))

IMAGE_LOOK = Measure(
    tuple(f"traces/{name}.json" for name in ("predictions", "mistakes", "grad_cam", "first_maps", "last_maps")),
    "glassworks.interpret.catalogue.image_traces:trace_images",
    "looking inside",
)


def labelled(what: str, look: Measure | None = None) -> Kind:
    """A kind of labelled data: they differ in what they read, and in what the report looks at inside."""
    inside = {} if look is None else {"the look inside": look}
    return Kind(
        what,
        ("predict", "eval", "look", "report", "export", "optimizers --on", "train --resume"),
        "glassworks.classify.run:opened",
        ("model/config.json", "model/preprocessor_config.json", "model/model.safetensors"),
        {
            "its score": Measure(
                ("evals/test.json",), "glassworks.evaluate.labelled.run:evaluate_labelled", "measuring it"
            ),
            **inside,
            "its report": Measure(("report.html",), "glassworks.report.run_page:write_report", "writing its report"),
        },
        Stages(
            "glassworks.classify.recipe:LabelledRecipe",
            "glassworks.classify.examples:check_source",
            "glassworks.classify.run:start",
            "glassworks.cli.training.labelled:train",
            "glassworks.cli.training.labelled_overview:facts",
            "glassworks.cli.training.labelled:further",
        ),
        Score("test", "glassworks.evaluate.labelled.table:table", "glassworks.evaluate.labelled.verdict:conclusions"),
    )


KINDS = {
    "text": Kind(
        "a run of text",
        (
            *("sample", "eval", "look", "report", "tokenizer", "optimizers --on", "tune", "train --resume"),
            "train --start-from",
        ),
        "glassworks.pretraining.run:opened",
        ("model/config.json", "model/model.safetensors", "model/tokenizer.json"),
        {
            "its score": Measure(("evals/held_out.json",), "glassworks.evaluate.held_out:evaluate_run", "measuring it"),
            "the look inside": Measure(
                TEXT_TRACES, "glassworks.interpret.catalogue.run_traces:trace_run", "looking inside"
            ),
            "its report": Measure(("report.html",), "glassworks.report.run_page:write_report", "writing its report"),
        },
        Stages(
            "glassworks.pretraining.recipe:Recipe",
            "glassworks.pretraining.sources:check_sources",
            "glassworks.pretraining.run:start",
            "glassworks.cli.training.text:train",
            "glassworks.cli.training.text_overview:facts",
            "glassworks.cli.training.text:further",
        ),
        Score("held_out", "glassworks.evaluate.held_out:table", "glassworks.evaluate.held_out:conclusions"),
    ),
    "pairs": Kind(
        "a run of pairs of texts",
        ("predict", "eval", "report", "train --resume"),
        "glassworks.translation.run:opened",
        ("model/config.json", "model/model.safetensors", "model/tokenizer.json"),
        {
            "its score": Measure(
                ("evals/translation.json",), "glassworks.evaluate.translation.run:evaluate_pairs", "measuring it"
            ),
            "the look inside": Measure(
                ("traces/cross_attention.json",),
                "glassworks.interpret.translation.run_traces:trace_pairs",
                "looking inside",
            ),
            "its report": Measure(("report.html",), "glassworks.report.run_page:write_report", "writing its report"),
        },
        Stages(
            "glassworks.translation.recipe:PairRecipe",
            "glassworks.translation.pairs:check_pairs",
            "glassworks.translation.run:start",
            "glassworks.cli.training.pairs:train",
            "glassworks.cli.training.pairs_overview:facts",
            "glassworks.cli.training.pairs:further",
        ),
        Score(
            "translation",
            "glassworks.evaluate.translation.verdict:table",
            "glassworks.evaluate.translation.verdict:conclusions",
        ),
    ),
    "tuned": Kind(
        "a tuned model",
        (
            *("sample", "eval", "look", "report", "tokenizer", "optimizers --on", "tune", "train --resume"),
            "train --start-from",
        ),
        "glassworks.tune.run:opened",
        ("model/config.json", "model/model.safetensors", "model/tokenizer.json"),
        {
            "its score": Measure(
                ("evals/tuning.json",), "glassworks.evaluate.tuning.run:evaluate_tuned", "measuring it"
            ),
            "the look inside": Measure(
                TEXT_TRACES, "glassworks.interpret.catalogue.run_traces:trace_run", "looking inside"
            ),
            "its report": Measure(("report.html",), "glassworks.report.run_page:write_report", "writing its report"),
        },
        Stages(
            "glassworks.tune.recipe:TuneRecipe",
            "glassworks.tune.run:check_sources",
            "glassworks.tune.run:start",
            "glassworks.cli.training.tuned:train",
            "glassworks.cli.training.tuned_overview:facts",
            "glassworks.cli.training.tuned:further",
        ),
        Score("tuning", "glassworks.evaluate.tuning.verdict:table", "glassworks.evaluate.tuning.verdict:conclusions"),
    ),
    "reward": Kind(
        "a reward model",
        ("eval", "report", "tune --reward", "train --resume"),
        "glassworks.tune.reward:opened",
        ("model/config.json", "model/model.safetensors", "model/tokenizer.json"),
        {
            "its score": Measure(
                ("evals/tuning.json",), "glassworks.evaluate.tuning.reward:evaluate_reward", "measuring it"
            ),
            "its report": Measure(("report.html",), "glassworks.report.run_page:write_report", "writing its report"),
        },
        Stages(
            "glassworks.tune.recipe:TuneRecipe",
            "glassworks.tune.run:check_sources",
            "glassworks.tune.run:start",
            "glassworks.cli.training.tuned:train",
            "glassworks.cli.training.tuned_overview:facts",
            "glassworks.cli.training.tuned:further",
        ),
        Score("tuning", "glassworks.evaluate.tuning.verdict:table", "glassworks.evaluate.tuning.verdict:conclusions"),
    ),
    "policy": Kind(
        "a run of an agent",
        ("eval", "predict", "report", "train --resume"),
        "glassworks.agents.run:opened",
        ("model/config.json", "model/model.safetensors"),
        {
            "its score": Measure(
                ("evals/return.json",), "glassworks.evaluate.agents.run:evaluate_agent", "playing episodes"
            ),
            "the look inside": Measure(
                ("traces/episode.json",), "glassworks.agents.episode:trace_episode", "looking inside"
            ),
            "its report": Measure(("report.html",), "glassworks.report.run_page:write_report", "writing its report"),
        },
        Stages(
            "glassworks.agents.recipe:PolicyRecipe",
            "glassworks.agents.run:check_data",
            "glassworks.agents.run:start",
            "glassworks.cli.training.agents:train",
            "glassworks.cli.training.agents_overview:facts",
            "glassworks.cli.training.agents:further",
        ),
        Score("return", "glassworks.evaluate.agents.verdict:table", "glassworks.evaluate.agents.verdict:conclusions"),
    ),
    "images": labelled("a run of images", IMAGE_LOOK),
    "table": labelled("a run of a table"),
    "choices": Kind("a run of choices that people make", ("choose",)),
    "othello": Kind(
        "a reproduction, on games of Othello",
        ("reproduce othello",),
        "glassworks.reproductions.othello.training:opened",
    ),
    "induction": Kind("a reproduction, whose networks are runs in folders of its own", ("reproduce induction",)),
    "deconvnet": Kind("a reproduction, on images of classes", ("reproduce deconvnet",)),
    "batchnorm": Kind("a reproduction, on images of classes", ("reproduce batchnorm",)),
    "without-backprop": Kind("a reproduction, on labelled data", ("reproduce without-backprop",)),
    "initialisation": Kind("a reproduction, on names and digits", ("reproduce initialisation",)),
    "separability": Kind("a reproduction, on rings, spheres and labelled data", ("reproduce separability",)),
    "rlhf": Kind("a reproduction, whose models are runs in folders of its own", ("reproduce rlhf",)),
    "makemore": Kind("a reproduction, on names", ("reproduce makemore",)),
}
