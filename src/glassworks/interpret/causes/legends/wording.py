"""What an intervention's numbers are of, in words: which answer against which, in which unit, shares of how much."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from glassworks.trace.legend import Dimension, Legend, Quantity

ANSWER = "the answer “{metric_token}” rather than “{metric_less_token}”"
"""How legends speak of what is judged; `judged` puts in its place what the metric at hand says."""
NATS = ("logit difference", "log-probability", "KL divergence")
LITTLE = 1.0
"""Nats between two answers below which there is little to share out: colours and axes end at a whole nat then."""

FACTS = ("scale", "pairs", "tokens", "seed", "metric", "metric_position", "metric_token", "metric_less_token")
PAIR_NUMBERS = dict.fromkeys(FACTS, "")
"""Said in a sentence, and not in a table."""
PAIR_QUANTITIES = {
    "clean": Quantity("the answer on the text, of each pair", show="kept"),
    "corrupt": Quantity("the answer on the contrasting text, of each pair", show="kept"),
}
SWEEP_AXES = {
    "position": Dimension("token", "token"),
    "pair": Dimension("example"),
    "kv_head": Dimension("head", "key/value head"),
    "kind": Dimension("class", "silenced"),
    **{
        f"{site}_place": Dimension("class", "place")
        for site in (
            "resid_pre",
            "resid_mid",
            "resid_post",
            "attn_out",
            "mlp_out",
            "q",
            "k",
            "v",
            "z",
            "pattern",
            "mlp",
        )
    },
}
"""Axes of sweeps; places are those at which random changes were made, by site."""
IDS = ("metric_token", "metric_less_token")


def judged(
    legend: Legend,
    facts: Mapping[str, str | int],
    *,
    answers: Sequence[float],
    scale: float,
    differs: bool,
    pairs: int,
) -> Legend:
    """A legend of two runs with what is measured, in words, and scales that noise does not fill.

    Args:
        legend: speaks of `ANSWER`; the scales of shares end at -1 and 1 (`ends`).
        facts: of the metric, as `metrics.facts_of` has them.
        answers: the metric of the clean and the corrupt run, their means.
        scale: what effects are divided by.
        differs: whether it is what lies between the answers; False = those are equal but for rounding.
        pairs: how many pairs of texts.
    """
    unit, little = (" nats" if facts.get("metric") in NATS else ""), abs(scale) < LITTLE and differs
    clean, corrupt = (rounded(answer) for answer in answers)
    mean = f" (means of {pairs} pairs)" if pairs > 1 else ""
    measure = f"Measured is {measured(facts)}: {clean}{unit} on the text and {corrupt} on the contrasting one{mean}. "
    nothing = legend.nothing
    if not differs:
        measure += "That is the same but for rounding, so there is nothing to share out: effects are changes of it"
        measure += f"{unit and ', in nats'}."
        nothing = f"On this page there is nothing: both texts get the same answer. {nothing}"
    else:
        measure += f"Effects are shares of the {rounded(abs(scale))}{unit} between them."
    if little and unit:
        measure += " That is little: colours and axes end at a whole nat, so that small numbers look small."
        nothing = f"On this page there is next to nothing, {rounded(abs(scale))} nats in all. {nothing}"
    reach = float(math.ceil(LITTLE / abs(scale))) if little and unit else 1.0
    worded = spoken(replace(legend, measure=measure, nothing=nothing), facts)
    shares = {name: replace(one, ends=tuple(e * reach for e in one.ends)) for name, one in worded.quantities.items()}
    return replace(worded, quantities=shares)


def spoken(legend: Legend, facts: Mapping[str, str | int]) -> Legend:
    """The legend with the answer called as the metric allows: by its tokens, where all pairs share them."""
    if "metric_less_token" in facts:
        return legend
    answer = "the answer “{metric_token}”" if "metric_token" in facts else "the answer"
    said_of = {part: getattr(legend, part).replace(ANSWER, answer) for part in ("question", "reading", "nothing")}
    return replace(legend, **said_of)


def measured(facts: Mapping[str, str | int]) -> str:
    """What a metric measures, and where."""
    at = facts.get("metric_position", -1)
    where = "after the last token" if at == -1 else f"at position {at}"
    match facts.get("metric"):
        case "logit difference" if "metric_token" in facts and "metric_less_token" in facts:
            return f"the logit of “{{metric_token}}” less the logit of “{{metric_less_token}}” {where}"
        case "logit difference":
            return f"the logit of each pair’s right token less that of its wrong one {where}"
        case "log-probability" if "metric_token" in facts:
            return f"the log-probability of “{{metric_token}}” {where}"
        case "log-probability":
            return f"the log-probability of each row’s own token {where}"
        case "KL divergence":
            return f"how far the prediction {where} is from a reference (KL divergence)"
    return "what the given function makes of the logits"


def rounded(number: float) -> str:
    """Two decimals, or three digits of what is smaller."""
    digits = f"{number:.2f}" if abs(number) >= 0.1 or number == 0 else f"{number:.2g}"
    return digits.replace("-", "−")


def silenced(legend: Legend, facts: Mapping[str, str | int], plain: float, rows: int) -> Legend:
    """A legend of changes of one run, with what is measured in words; `plain` is its mean with nothing changed."""
    known = facts.get("metric") in NATS
    mean = f" (mean of {rows} texts)" if rows > 1 else ""
    measure = f"Measured is {measured(facts)}: {rounded(plain)}{' nats' if known else ''} with nothing silenced{mean}. "
    measure += f"Effects are changes of it{', in nats' if known else ''}"
    if facts.get("metric") == "log-probability":
        measure += ": −0.69 halves the probability, −2.3 leaves a tenth, above 0 it rises"
    worded = spoken(replace(legend, measure=f"{measure}."), facts)
    if known:
        return worded
    unit = {
        name: replace(one, title=one.title.removesuffix(", in nats"), least=0.0)
        for name, one in worded.quantities.items()
    }
    return replace(worded, quantities=unit)


def steered(legend: Legend, facts: Mapping[str, str | int], plain: float, goal: float | None, beyond: float) -> Legend:
    """The legend of pushes, with what is measured in words.

    `plain` is the answer without a push, `goal` what is to be reached, if that is known, and `beyond` how many
    deviations the effect is from those of random directions.
    """
    unit = " nats" if facts.get("metric") in NATS else ""
    measure = f"Measured is {measured(facts)}: {rounded(plain)}{unit} without a push"
    measure += "" if goal is None else f", {rounded(goal)} on the text itself"
    quantity = legend.of("metric")
    quantity = replace(quantity, note=quantity.note.replace("{beyond_random}", rounded(beyond)))
    return spoken(replace(legend, measure=f"{measure}.", quantities={**legend.quantities, "metric": quantity}), facts)


def named_place(point: str, positions: Sequence[int] | None) -> str:
    """A point and positions of it in words: "the stream behind layer 3, at the last token"."""
    match = re.fullmatch(r"blocks\.(\d+)\.resid_(pre|post)", point)
    where = f"the stream {'before' if match[2] == 'pre' else 'behind'} layer {match[1]}" if match else point
    if not positions:
        return where
    return (
        f"{where}, at {'the last token' if list(positions) == [-1] else 'position ' + ', '.join(map(str, positions))}"
    )
