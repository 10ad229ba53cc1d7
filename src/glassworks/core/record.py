"""The shape of a run's run.json: what of it is read, whatever the run is of."""

from glassworks.core.types import Tracker

RECORD = {
    "kind?": str,
    "command?": [str],
    "created?": str,
    "parent?": str | None,
    "parent_step?": int | None,
    "recipe?": {},
    "plan?": {"steps?": int},
    "revisions?": [{"steps": int}],
    "settled?": int,
    "log?": Tracker,
    "corpus?": {
        "path?": str,
        **{f"{split}_{what}?": int for split in ("train", "held_out") for what in ("tokens", "documents")},
    },
    "tuning?": {"base": str, "examples": str, "form": str, "train": int, "held_out": int, "notes": [str]},
    "kept?": {"step": int, "score": float},
    "result?": {"step?": int, "num_params?": int, "tokens?": int, "tokens_per_s?": float},
    "reproduction?": {"name": str},
    "store?": str,
}
"""What is read of run.json, as `check_shape` takes it."""
