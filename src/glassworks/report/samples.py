"""What a run wrote, early and late."""

from collections.abc import Sequence
from typing import Any

from glassworks.draw.markup import Markup, tag
from glassworks.draw.scales import evenly

MAX_SAMPLE = 1500


def samples_figure(samples: Sequence[dict[str, Any]], code: bool = False) -> Markup:
    """What the model writes: the last step's samples in full, the first prompt's earlier ones folded away."""
    last = max((row["step"] for row in samples if isinstance(row.get("step"), int)), default=None)
    final = [row for row in samples if row.get("step") == last] or list(samples)
    earlier = [row for row in samples if row.get("prompt") == final[0].get("prompt") and row.get("step") != last]
    chosen = [earlier[i] for i in evenly(len(earlier), 5)]
    parts = [tag("div", *(sample(row) for row in final[:6]), class_="samples")]
    if chosen:
        before = [
            tag("div", tag("p", f"step {row.get('step', '?')}", class_="step"), sample(row, 280)) for row in chosen
        ]
        parts.append(tag("details", tag("summary", "The same beginning, earlier in training"), *before))
    at = f" after step {last}" if last is not None else ""
    caption = f"The first words of each, in bold, were given to the model; all that follows it wrote itself{at}."
    return tag("figure", *parts, tag("figcaption", caption), class_="code" if code else None)


def sample(row: dict[str, Any], longest: int = MAX_SAMPLE) -> Markup:
    """One sample: the prompt, then the continuation."""
    text = str(row["text"])
    cut = text if len(text) <= longest else text[:longest] + " …"
    worth = [f"{name} {row[name]:.2f}" for name in ("reward", "gold") if isinstance(row.get(name), float)]
    note = [tag("small", f" {', '.join(worth)}")] if worth else []
    return tag("blockquote", tag("b", str(row.get("prompt") or "")), cut, *note)
