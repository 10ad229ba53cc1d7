"""Kinds of run: what each is of, which commands can use it, and what opens it. A new kind has its entry here.

run.json says the kind by its name. A reproduction's is the reproduction's; a run that says none is of text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Kind:
    """What can be known of a kind of run before anything of it is loaded."""

    what: str
    """What a run is, in words: "is ..."."""
    commands: tuple[str, ...]
    """Those that can use it, beside `runs`."""
    opens: str | None = None
    """Where its `(run, device) -> Opened` is: "module:function", imported when it is called. None = it has no model."""
    model: tuple[str, ...] = ("model/config.json", "model/model.safetensors")
    """The files of a finished model."""
    measures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What is then made of the model, in this order: its name in words, and its files."""

    def refusal(self, use: str) -> str:
        """What is said to a command that cannot use it, and which can."""
        *others, last = self.commands
        return f"{use} cannot use it, but {' and '.join(filter(None, [', '.join(others), last]))} can"


KINDS = {
    "text": Kind(
        "a run of text",
        ("sample", "eval", "look", "report", "tokenizer", "train --resume", "train --start-from"),
        "glassworks.pretraining.run:opened",
        ("model/config.json", "model/model.safetensors", "model/tokenizer.json"),
        {
            "its score": ("evals/held_out.json",),
            "the look inside": tuple(f"traces/{x}.json" for x in ("attention", "logit_lens", "surprise", "health")),
            "its report": ("report.html",),
        },
    ),
    "othello": Kind(
        "a reproduction, on games of Othello",
        ("reproduce othello",),
        "glassworks.reproductions.othello.training:opened",
    ),
    "induction": Kind("a reproduction, whose networks are runs in folders of its own", ("reproduce induction",)),
    "makemore": Kind("a reproduction, on names", ("reproduce makemore",)),
}
