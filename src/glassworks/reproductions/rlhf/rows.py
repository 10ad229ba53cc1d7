"""The figures as rows: published ones as orders, since sizes differ by a thousand and more; ours in full."""

from collections.abc import Iterator
from typing import Any

from glassworks.reproductions.finding import Finding, Row

TITLE = "From a base model to one that does what a person prefers"
SOURCE = "Ouyang et al. 2022, Stiennon et al. 2020, Rafailov et al. 2023 and Gao et al. 2022"
URL = "https://arxiv.org/abs/2203.02155"
METHODS = {"dpo": "DPO", "ppo": "PPO", "grpo": "GRPO"}
NAMES = {"base": "base", "sft": "SFT", **METHODS, "hacked": "flawed reward", "guarded": "flawed reward, guarded"}

NOTES = (
    "Published are orders, as 1 for an order that was found: sizes and people differ by far. An order that our "
    "interval leaves open has no figure.",
    "Win rates are against the fine-tuned model on held-out prompts, judged by what the stated human likes, without "
    "errors; a tie is half a win.",
    "Choices are those of a stated human, who looks away one time in ten, and not of a person.",
)


def finding(found: dict[str, Any], *, quick: bool, own_choices: bool) -> Finding:
    """All rows."""
    rows = (*orders(found), *of_choices(found["choices"]), *of_models(found))
    notes = NOTES[:2] + (NOTES[2:] if not own_choices else ("Choices are those of a file.",))
    return Finding(TITLE, SOURCE, URL, rows, quick, notes)


def orders(found: dict[str, Any]) -> Iterator[Row]:
    """What comes before what."""
    base = found["base"]
    yield order(
        "SFT is preferred to the base", {"low": 1 - base["high"], "high": 1 - base["low"]}, "InstructGPT, figure 1"
    )
    for name, title in METHODS.items():
        source = {
            "ppo": "InstructGPT, figure 1; Stiennon et al., figure 1",
            "dpo": "Rafailov et al., figure 2",
            "grpo": "no published figure of this order",
        }[name]
        yield order(f"{title} is preferred to SFT", found[name], source, published=None if name == "grpo" else 1.0)
    dpo, ppo = found["dpo"], found["ppo"]
    apart = dpo["low"] > ppo["high"] or ppo["low"] > dpo["high"]
    yield Row(
        "DPO does as well as PPO, or better",
        1.0,
        float(dpo["win"] >= ppo["win"] or not apart),
        "order",
        "higher",
        0.0,
        "Rafailov et al., figure 2: 61 % of summaries preferred, 57 % of PPO's at its best temperature",
    )
    yield from of_hacking(found)


def order(what: str, beside: dict[str, Any], source: str, published: float | None = 1.0) -> Row:
    """Whether one is preferred to the other: 1, 0, or no figure where the interval holds a half."""
    ours = 1.0 if beside["low"] > 0.5 else 0.0 if beside["high"] < 0.5 else None
    note = source if ours is not None else f"{source}; ours cannot be told from a half"
    return Row(what, published, ours, "order", "higher", 0.0 if published is not None else None, note)


def of_hacking(found: dict[str, Any]) -> Iterator[Row]:
    """What a flawed reward does, without a guard and with one."""
    hacked, guarded, sft = found["hacked"], found["guarded"], found["sft"]
    yield Row(
        "what is wanted falls while the flawed reward is raised",
        1.0,
        float(hacked["worth"] < sft["worth"]),
        "order",
        "higher",
        0.0,
        f"Gao et al., figure 1; worth {sft['worth']:.2f} before, {hacked['worth']:.2f} after",
    )
    yield Row(
        "a price on distance and a stop rule keep more of it",
        1.0,
        float(guarded["worth"] > hacked["worth"]),
        "order",
        "higher",
        0.0,
        f"Stiennon et al., figure 5; worth {guarded['worth']:.2f}; {guarded.get('stopped') or 'it was not stopped'}",
    )


def of_choices(choices: dict[str, Any]) -> Iterator[Row]:
    """Of the reward model, and of who chose."""
    error = f"± {choices['error']:.3f} on {choices['held_out']} choices"
    yield Row(
        "choices foretold by the reward model",
        0.696,
        choices["accuracy"],
        "share",
        "higher",
        None,
        f"{error}; InstructGPT's on labelers that it had not seen",
    )
    yield Row("choices foretold by: the shorter one", None, choices["shorter"], "share", "higher", None, "a rival")
    if "same_twice" in choices:
        yield Row(
            "choices that the same human makes again",
            0.726,
            choices["same_twice"],
            "share",
            "higher",
            None,
            "the ceiling; InstructGPT's labelers agreed with each other so often",
        )


def of_models(found: dict[str, Any]) -> Iterator[Row]:
    """Each model's figures."""
    for name, title in NAMES.items():
        one = found[name]
        if name != "sft":
            note = f"{one['low']:.3f} to {one['high']:.3f}, {one['number']} prompts"
            yield Row(f"win rate against SFT, {title}", None, one["win"], "share", "higher", None, note)
        yield Row(f"worth, {title}", None, one["worth"], "points", "higher", None, "to the stated human: -2 to 2")
    for name, title in NAMES.items():
        one = found[name]
        yield Row(f"distance from SFT, {title}", None, one["kl"], "nats a completion", "same")
    for name, title in NAMES.items():
        one = found[name]
        if one["nats"] is not None:
            yield Row(
                f"the base's held-out text, {title}", None, one["nats"], "nats a token", "lower", None, "forgetting"
            )
    for name, title in NAMES.items():
        one = found[name]
        if one["seconds"] is not None:
            wrote = "" if one["written"] is None else f"wrote {one['written']:,.0f} tokens to learn from"
            yield Row(f"training time, {title}", None, one["seconds"], "seconds", "lower", None, wrote)
