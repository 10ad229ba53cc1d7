"""The share of the text that is held out, and why it is what it is."""

import dataclasses
from typing import Any

import pytest

from glassworks.cli.training.text_overview import crowded, duration, splits, vocabulary
from glassworks.models.gpt.config import GPTConfig
from glassworks.pretraining.recipe import Recipe
from glassworks.train.plan import Plan


def corpus(train: tuple[int, int], held_out: tuple[int, int]) -> dict[str, Any]:
    """Documents and tokens of both splits."""
    return {
        "train_documents": train[0],
        "train_tokens": train[1],
        "held_out_documents": held_out[0],
        "held_out_tokens": held_out[1],
    }


@pytest.mark.parametrize(
    ("changes", "train", "held_out", "said"),
    [
        ({}, (95, 9_500), (5, 500), ["5 documents, 495 tokens: 5 % of the text"]),
        ({}, (97, 9_200), (3, 800), ["3 documents, 797 tokens: 8.1 % of the text"]),  # as near as documents come
        (
            {},
            (5, 6_100),
            (1, 3_900),
            [
                "1 document, 3,899 tokens: 39 % of the text",
                "5 % was asked for; whole documents are held out, 1 of 6 here, however long:",
                "more or shorter ones come nearer, or a text of its own by --held-out FILE",
            ],
        ),
        (
            {"held_out": 0.5},
            (1, 9_000),
            (1, 1_000),
            [
                "1 document, 999 tokens: 10 % of the text",
                "50 % was asked for; whole documents are held out, 1 of 2 here, however long:",
                "more or shorter ones come nearer, or a text of its own by --held-out FILE",
            ],
        ),
        ({"held_out": "other.txt"}, (2, 600), (1, 400), ["1 document, 399 tokens: 40 % of the text"]),
        ({"split": "tail"}, (1, 6_000), (1, 4_000), ["1 document, 3,999 tokens: 40 % of the text"]),
    ],
)
def test_the_share_held_out_is_said_and_explained_where_it_is_far_from_the_one_asked_for(
    changes: dict[str, Any], train: tuple[int, int], held_out: tuple[int, int], said: list[str]
) -> None:
    lines = list(splits(dataclasses.replace(Recipe(), **changes), corpus(train, held_out)))
    assert [name for name, _ in lines] == ["train on", "held out", *[""] * (len(said) - 1)]
    assert [text for _, text in lines[1:]] == said


def test_a_vocabulary_that_came_out_smaller_says_why() -> None:
    recipe = Recipe(tokenizer="bpe:50000", model=GPTConfig(vocab_size=266))
    assert vocabulary(recipe) == (
        "bpe:50000, 266 tokens; 50,000 were asked for, but with these each word of the text is one token"
    )
    assert vocabulary(dataclasses.replace(recipe, tokenizer="bpe:266")) == "bpe:266, 266 tokens"


@pytest.mark.parametrize(
    ("train", "held_out", "said"),
    [
        (100_000, 5_000, []),
        (10_000, 5_000, ["every step reads the whole text 1.6 times: choose a smaller", "--batch-size (=16) or a sh"]),
        (100_000, 900, ["what is held out is shorter than the context, so places beyond 900 are never", "choose a sh"]),
    ],
)
def test_a_context_longer_than_the_text_has_is_told(train: int, held_out: int, said: list[str]) -> None:
    lines = list(crowded(Recipe(model=GPTConfig(n_ctx=1000)), corpus((9, train), (9, held_out))))
    assert [text[: len(start)] for (_, text), start in zip(lines, said, strict=True)] == said


def test_the_time_announced_has_the_evaluations_in_it() -> None:
    plan = Plan(1000, "float32", False, step_seconds=0.15, token_seconds=1e-4)
    said = duration(Recipe(minutes=2.5), plan, 1000, held_out=10_000, begin=0)
    assert said == "about 2:30 at 150.0 ms a step, and 20.0 s for 20 evaluations;"
    said = duration(Recipe(minutes=2.5), plan, 1000, held_out=10_000, begin=710)
    assert said == "about 43.5 s at 150.0 ms a step, and 6.0 s for 6 evaluations;"
    said = duration(Recipe(minutes=2.5), plan, 2000, held_out=10_000, begin=1000)  # of a revised plan, half is left
    assert said == "about 1:15 at 150.0 ms a step, and 10.0 s for 10 evaluations;"
    for begin, count in ((6, 5), (7, 4), (29, 1), (30, 0)):
        said = duration(Recipe(eval_every=7), Plan(30, "float32", False, None), 30, held_out=10_000, begin=begin)
        assert said == f"told as it goes, with {count} evaluation{'s' * (count != 1)};"
    small = Recipe(batch_size=4, model=GPTConfig(n_ctx=16))  # 19,200 tokens to learn, each three to read
    for recipe, steps, count in ((Recipe(), 3, 3), (Recipe(), 30, 20), (Recipe(eval_every=7), 30, 5), (small, 300, 5)):
        said = duration(recipe, Plan(steps, "float32", False, None), steps, held_out=10_000, begin=0)
        assert said == f"told as it goes, with {count} evaluations;"
