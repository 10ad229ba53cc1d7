"""Completions are drawn as the model says, to the same bits on any number of threads, and are read as they were."""

import pytest
import torch
from torch import Tensor

from glassworks.data.tokenizers.build import byte_tokenizer
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.modes import threads
from glassworks.objectives.policy.logprobs import token_logprobs
from glassworks.tune.policy.draw import Prompt, Written, as_tensors, write

TOKENIZER = byte_tokenizer()


def prompt(text: str) -> Prompt:
    return Prompt(text, tuple(TOKENIZER.encode(text)))


def drawn_model(architecture: str = "gpt2") -> GPT:
    """One whose logits differ."""
    model = GPT(GPTConfig(architecture, vocab_size=TOKENIZER.vocab_size, n_ctx=32, n_layer=2, n_head=2, n_embd=32))  # type: ignore[arg-type]
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.05 * torch.randn(p.shape, generator=draw))
    return model


PROMPTS = [prompt(text) for text in ("ab", "a longer one", "xyz")]


@pytest.mark.parametrize("architecture", ["gpt2", "nanochat", "qwen3"])
def test_any_number_of_threads_draws_the_same(architecture: str) -> None:
    model, found = drawn_model(architecture), []
    for number in (1, 2, 2, 2, 2):  # which way is soonest is tried anew
        with threads(number):
            found.append(write(model, TOKENIZER, PROMPTS * 4, max_tokens=12, temperature=1.0, seed=3))
    assert all(one == found[0] for one in found)


def test_a_prompt_that_leaves_no_room_keeps_its_end() -> None:
    (one,) = write(drawn_model(), TOKENIZER, [prompt("a" * 20 + "b" * 20)], max_tokens=8, temperature=1.0, seed=0)
    assert one.prompt.ids == tuple(TOKENIZER.encode("a" * 4 + "b" * 20))
    assert one.prompt.text == "a" * 20 + "b" * 20  # what a reward reads
    assert len(one.ids) <= 8


def test_what_ends_is_not_cut_and_its_end_is_learned_and_not_told() -> None:
    model = drawn_model()
    with torch.no_grad():
        model.head.weight.zero_()
        model.embed.weight.zero_()
        model.head.weight[TOKENIZER.eot] = 0
    written = write(model, TOKENIZER, PROMPTS * 60, max_tokens=30, temperature=1.0, seed=0)
    ended = [one for one in written if not one.is_cut]
    assert ended  # of a uniform model some do
    assert all(one.ids[-1] == TOKENIZER.eot and "<|endoftext|>" not in one.text for one in ended)
    assert all(len(one.ids) == 30 for one in written if one.is_cut)


def test_a_batch_has_each_tokens_likelihood_behind_those_before_it() -> None:
    model = drawn_model()
    written = [Written(prompt("ab"), (5, 6, 7), "", True), Written(prompt("a longer one"), (8,), "", True)]
    inputs, targets = as_tensors(written, TOKENIZER.eot)
    assert inputs.shape == (2, 12)
    assert targets.shape == (2, 11)  # nothing before the first completion's first token
    assert (targets >= 0).sum(1).tolist() == [3, 1]
    found = token_logprobs(model(inputs, since=1), targets)

    def alone(ids: list[int], last: int) -> Tensor:
        return model(torch.tensor([ids]))[0, -1].log_softmax(-1)[last]

    first, second = list(written[0].prompt.ids), list(written[1].prompt.ids)
    expected = [alone(first, 5), alone([*first, 5], 6), alone([*first, 5, 6], 7)]
    torch.testing.assert_close(found[0, :3], torch.stack(expected))
    torch.testing.assert_close(found[1, 10], alone(second, 8))
