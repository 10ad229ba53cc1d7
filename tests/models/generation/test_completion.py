import math
from collections.abc import Sequence
from itertools import accumulate

import pytest
import torch

from glassworks.core.types import Completion
from glassworks.models.generation import completion
from glassworks.models.generation.completion import complete, generate, generator, stream_completions, stream_text
from glassworks.models.generation.decode import Decoder
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT

EOT = 256
CONFIGS = {
    "gpt2": GPTConfig("gpt2", 257, 24, 2, 2, 16),
    "llama": GPTConfig("llama", 257, 24, 2, 4, 16, n_kv_head=2),
    "qwen3": GPTConfig("qwen3", 257, 24, 2, 4, 16, n_kv_head=2, head_dim=8),
    "nanochat": GPTConfig("nanochat", 257, 24, 2, 2, 16),
}
HOW = [{"temperature": 0}, {"temperature": 0.6, "top_k": 9}, {"top_p": 0.8, "repetition_penalty": 1.5}, {"min_p": 0.1}]


class Bytes:
    """A tokenizer of bytes."""

    eot = EOT

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(ids).decode(errors="replace")


@pytest.fixture(params=CONFIGS)
def model(request: pytest.FixtureRequest) -> GPT:
    """A model whose weights are far from their initialisation, so that its choices are clear."""
    model = GPT(CONFIGS[request.param])
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.2)
    return model


def scripted(tokens: Sequence[int], vocab_size: int = 257, end: int = EOT) -> GPT:
    """A model that writes these tokens and then an end, whatever it reads: each follows from its position."""
    model = GPT(GPTConfig("gpt2", vocab_size, 64, 1, 1, 64))
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
        model.norm.weight.fill_(1)
        model.position.weight.copy_(torch.eye(64) * 50)
        model.head.weight = torch.nn.Parameter(torch.zeros(vocab_size, 64))
        for place, token in enumerate([*tokens, end]):
            model.head.weight[token, place] = 50
    return model


@torch.no_grad()
def plainly(model: GPT, prompt: Sequence[int], tokens: Sequence[int]) -> torch.Tensor:
    """The log-probabilities (T, V) at each of the tokens, by one forward pass."""
    return model(torch.tensor([[*prompt, *tokens]]))[0, len(prompt) - 1 : -1].log_softmax(-1)


# ----------------------------------------------------------------------------------------------------------------------
# Log-probabilities


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("fast", [True, False])
def test_log_probabilities_are_those_of_a_forward_pass(model: GPT, fast: bool, how: dict) -> None:
    """Whatever chose the token, in rows of all lengths, on both ways to write."""
    if not fast:
        model.head.register_forward_hook(lambda module, args, output: None)  # hooks are seen by the plain way only
    assert Decoder(model).applies(4) is fast
    prompts = ["To be", "", "a longer one", "n"]
    found = complete(model, Bytes(), prompts, max_tokens=12, logprobs=True, top_logprobs=3, stop="t", **how)
    for prompt, each in zip(prompts, found, strict=True):
        scores = plainly(model, Bytes().encode(prompt) or [EOT], each.tokens)
        own = scores.gather(1, torch.tensor(each.tokens)[:, None])[:, 0]
        assert each.logprobs is not None
        assert each.top_logprobs is not None
        torch.testing.assert_close(torch.tensor(each.logprobs), own, atol=1e-4, rtol=0)
        best, ids = scores.topk(3)
        assert [list(step) for step in each.top_logprobs] == ids.tolist()
        torch.testing.assert_close(
            torch.tensor([list(step.values()) for step in each.top_logprobs]), best, atol=1e-4, rtol=0
        )


def test_of_ids_that_are_never_drawn_the_model_still_says_how_likely_they_are(model: GPT) -> None:
    class Few(Bytes):
        known = torch.arange(257).numpy() < 100

    (found,) = complete(model, Few(), ["A"], max_tokens=8, logprobs=True)
    assert max(found.tokens) < 100
    own = plainly(model, [65], found.tokens).gather(1, torch.tensor(found.tokens)[:, None])[:, 0]
    torch.testing.assert_close(torch.tensor(found.logprobs), own, atol=1e-4, rtol=0)


def test_past_the_context_they_are_those_behind_what_the_row_still_sees(model: GPT) -> None:
    (found,) = complete(model, Bytes(), [[3]], max_tokens=60, logprobs=True, temperature=0)
    ids, first = [3], 0
    for token, score in zip(found.tokens, found.logprobs or (), strict=True):
        if len(ids) - first > 24:
            first = len(ids) - 12
        with torch.no_grad():
            plain = model(torch.tensor([ids[first:]]))[0, -1].log_softmax(-1)
        assert score == pytest.approx(float(plain[token]), abs=1e-4)
        ids.append(token)


def test_they_are_of_float32_whatever_the_weights_are(model: GPT) -> None:
    (found,) = complete(model.bfloat16(), Bytes(), ["A"], max_tokens=4, logprobs=True, top_logprobs=257)
    for step in found.top_logprobs or ():
        assert math.fsum(map(math.exp, step.values())) == pytest.approx(1, abs=1e-5)


def test_nothing_is_computed_for_those_who_do_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr(completion, "scoring", lambda *given: called.append(given))
    model, counted = scripted(b"abc"), []
    softmax = torch.Tensor.log_softmax
    monkeypatch.setattr(torch.Tensor, "log_softmax", lambda x, *given: counted.append(x) or softmax(x, *given))
    generate(model, Bytes(), ["", "x"])
    list(stream_text(model, Bytes(), ""))
    found = complete(model, Bytes(), [""])[0]
    assert not called
    assert not counted
    assert found.logprobs is None
    assert found.top_logprobs is None
    monkeypatch.undo()
    assert complete(model, Bytes(), [""], logprobs=True)[0].tokens == found.tokens


# ----------------------------------------------------------------------------------------------------------------------
# Tokens, and why they end


def test_tokens_are_all_that_was_chosen_and_the_reason_says_how_it_ended() -> None:
    model = scripted(b"one, two, three")
    options = {"max_tokens": 40, "temperature": 0}
    script = tuple(b"one, two, three")
    assert complete(model, Bytes(), [""], **options) == [
        Completion("one, two, three", (*script, EOT), finish_reason="stop")
    ]
    assert complete(model, Bytes(), [""], **options, stop=", t") == [
        Completion("one", script[:6], finish_reason="stop")
    ]
    assert complete(model, Bytes(), [""], **options | {"max_tokens": 5}) == [
        Completion("one, ", script[:5], finish_reason="length")
    ]
    for most, reason in ((15, "length"), (16, "stop")):  # the end itself is the last that may be written
        assert complete(model, Bytes(), [""], **options | {"max_tokens": most})[0].finish_reason == reason
    for most, reason in ((5, "length"), (6, "stop")):
        assert complete(model, Bytes(), [""], **options | {"max_tokens": most}, stop=", t")[0].finish_reason == reason


def test_without_tokens_there_is_still_a_reason(model: GPT) -> None:
    nothing = Completion("", (), (), (), "length")
    assert complete(model, Bytes(), ["a", "b"], max_tokens=0, top_logprobs=2) == [nothing] * 2
    assert complete(model, Bytes(), ["a"], max_tokens=0) == [Completion("", (), finish_reason="length")]
    assert complete(model, Bytes(), []) == []


def test_each_row_of_a_batch_has_its_own(model: GPT) -> None:
    """Rows end at different steps, at ends of text, stop strings and the most tokens."""

    class Ends(Bytes):
        ends = frozenset(range(128, 250, 9))

    prompts = [bytes([65 + i]).decode() for i in range(12)]
    options = {"max_tokens": 9, "seed": 2, "stop": tuple("abcdefghijklmnopqrstuvwxyz"), "logprobs": True}
    together = complete(model, Ends(), prompts, **options)
    reasons = set()
    for prompt, each in zip(prompts, together, strict=True):
        ended = each.tokens[-1] in Ends.ends
        whole = Ends().decode(each.tokens[:-1] if ended else each.tokens)
        cut = [whole.find(stop) for stop in options["stop"] if stop in whole]
        assert each.text == whole[: min(cut, default=len(whole))], prompt
        assert each.finish_reason == ("stop" if ended or cut else "length")
        assert len(each.tokens) == len(each.logprobs or ())
        assert not {*each.tokens[:-1]} & Ends.ends
        reasons.add((each.finish_reason, ended))
    assert reasons == {("stop", True), ("stop", False), ("length", False)}
    assert [each.text for each in together] == generator(model, Ends(), max_tokens=9, seed=2, stop=options["stop"])(
        prompts
    )


def test_pieces_of_a_stream_join_to_the_whole_and_the_last_alone_has_a_reason(model: GPT) -> None:
    prompts, options = ["To be", "", "a longer one"], {"max_tokens": 20, "seed": 3, "top_logprobs": 2, "stop": "e"}
    columns = list(zip(*stream_completions(model, Bytes(), prompts, **options), strict=True))
    for column, whole in zip(columns, complete(model, Bytes(), prompts, **options), strict=True):
        pieces = [piece for piece in column if piece is not None]
        assert column[: len(pieces)] == tuple(pieces)  # then None to the end
        assert all(len(piece.tokens) == len(piece.logprobs or ()) == 1 for piece in pieces)
        assert [piece.finish_reason for piece in pieces] == [None] * (len(pieces) - 1) + [whole.finish_reason]
        assert "".join(piece.text for piece in pieces) == whole.text
        assert tuple(token for piece in pieces for token in piece.tokens) == whole.tokens
        assert tuple(step for piece in pieces for step in piece.top_logprobs or ()) == whole.top_logprobs


def test_a_row_that_ends_gives_all_its_text_at_once_though_others_go_on() -> None:
    """What was held back, as it might have become a stop string, does not wait for the batch."""
    model = scripted(b"one, two")
    steps = stream_completions(model, Bytes(), ["", "x" * 6], max_tokens=40, temperature=0, stop="two, three")
    second = list(accumulate(step[1].text if step[1] else "" for step in steps))
    assert second[3] == second[-1] == "two"  # the fourth token of that row is its end


def test_nothing_of_a_token_that_completes_a_stop_string_follows_it() -> None:
    """Neither its rest nor the beginning of a character, which was the last piece of such a row before."""

    class Words:
        eot, words = 4, (b"one", b" stop\xf0", b"\x9f", b" two")

        def encode(self, text: str) -> list[int]:
            return []

        def decode(self, ids: Sequence[int]) -> str:
            return b"".join(self.words[id] for id in ids).decode(errors="replace")

    for script in ([0, 1, 2, 3], [0, 1, 3]):
        model = scripted(script, vocab_size=5, end=4)
        assert generate(model, Words(), [""], temperature=0, stop="stop") == ["one "]
        (found,) = complete(model, Words(), [""], temperature=0, stop="stop")
        assert (found.text, found.tokens, found.finish_reason) == ("one ", (0, 1), "stop")


def test_a_stop_string_found_among_what_was_held_back_at_the_end_is_a_stop() -> None:
    class Fallback(Bytes):
        fallback = range(256)  # tokens of which a run is decoded as one, when it is over

    (found,) = complete(scripted(b"ab cd ef"), Fallback(), [""], max_tokens=6, temperature=0, stop="cd")
    assert (found.text, found.finish_reason) == ("ab ", "stop")


# ----------------------------------------------------------------------------------------------------------------------
# What is asked


def test_prompts_may_be_token_ids(model: GPT) -> None:
    options = {"max_tokens": 8, "seed": 1, "logprobs": True}
    texts = complete(model, Bytes(), ["ab", "", "né"], **options)
    assert complete(model, Bytes(), [[97, 98], "", (110, 0xC3, 0xA9)], **options) == texts


def test_wrong_options_are_refused_at_the_call(model: GPT) -> None:
    with pytest.raises(ValueError, match=r"top_logprobs \(=-1\) must be a whole number of at least 0"):
        stream_completions(model, Bytes(), ["a"], top_logprobs=-1)
    with pytest.raises(ValueError, match=r"top_logprobs \(=True\) must be a whole number"):
        stream_completions(model, Bytes(), ["a"], top_logprobs=True)
    with pytest.raises(ValueError, match="there is no logprobs"):
        generate(model, Bytes(), ["a"], logprobs=True)
