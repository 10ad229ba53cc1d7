import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from transformers import LogitsProcessorList

from glassworks.models.generation import sampling
from glassworks.models.generation.choice import Sampling, candidates, choose, penalise
from glassworks.models.generation.completion import (
    complete,
    generate,
    generator,
    stream_completions,
    stream_text,
    stream_texts,
)
from glassworks.models.generation.sampling import continue_ids, stream
from glassworks.models.generation.text import Text, text_behind
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import save_model

EOT = 256
CONFIGS = {
    "gpt2": GPTConfig("gpt2", 257, 24, 2, 2, 16),
    "llama": GPTConfig("llama", 257, 24, 2, 4, 16, n_kv_head=2),
    "qwen3": GPTConfig("qwen3", 257, 24, 2, 4, 16, n_kv_head=2, head_dim=8),
    "nanochat": GPTConfig("nanochat", 257, 24, 2, 2, 16),
}
PROMPTS = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [], [40, 41], list(range(60))]  # the last is longer than the context


class Bytes:
    """A tokenizer of bytes."""

    eot = EOT

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(ids).decode(errors="replace")


@pytest.fixture(params=CONFIGS)
def model(request: pytest.FixtureRequest) -> GPT:
    return random_model(CONFIGS[request.param])


def random_model(config: GPTConfig, scale: float = 0.3) -> GPT:
    """A model whose weights are far from their initialisation, so that its choices are clear."""
    model = GPT(config)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator), alpha=scale)
    return model


def scripted(text: bytes) -> GPT:
    """A model that writes `text`, whatever it reads: each byte follows from its position (gpt2's are learned)."""
    model = GPT(GPTConfig("gpt2", 257, 64, 1, 1, 64))
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
        model.norm.weight.fill_(1)
        model.position.weight.copy_(torch.eye(64) * 50)
        model.head.weight = torch.nn.Parameter(torch.zeros(257, 64))
        for place, byte in enumerate(text):
            model.head.weight[byte, place] = 50
        model.head.weight[EOT, len(text)] = 50
    return model


def rows(model: GPT, prompts: list[list[int]], **options) -> list[list[int]]:
    """The tokens that each row gains."""
    columns = list(stream(model, prompts, eot=EOT, **options))
    return [[token for token in row if token is not None] for row in zip(*columns, strict=True)]


@pytest.mark.parametrize(
    "options", [{"temperature": 0}, {"temperature": 0.7, "seed": 4}, {"top_k": 9}, {"repetition_penalty": 1.5}]
)
def test_a_row_does_not_depend_on_its_neighbours(model: GPT, options: dict) -> None:
    """Also past the context, after other rows have ended, and with prompts of all lengths."""
    together = rows(model, PROMPTS, max_tokens=60, **options)
    assert rows(model, PROMPTS[:1], max_tokens=60, **options) == together[:1]
    assert rows(model, PROMPTS[:3], max_tokens=60, **options) == together[:3]
    if "temperature" in options and not options["temperature"]:
        for prompt, row in zip(PROMPTS, together, strict=True):
            assert rows(model, [prompt], max_tokens=60, **options) == [row]


def test_greedy_tokens_are_those_without_a_cache(model: GPT) -> None:
    ids = [5, 6, 7]
    with torch.no_grad():
        for _ in range(20):
            ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    assert rows(model, [[5, 6, 7]], max_tokens=20, temperature=0, ended=lambda row, token: False) == [ids[3:]]


def test_past_the_context_the_last_half_is_kept(model: GPT) -> None:
    """Greedy writing, one token at a time without a cache, following the documented rule."""
    ids, first = [3], 0
    with torch.no_grad():
        for _ in range(70):
            if len(ids) - first > 24:
                first = len(ids) - 12
            ids.append(int(model(torch.tensor([ids[first:]]))[0, -1].argmax()))
    assert rows(model, [[3]], max_tokens=70, temperature=0, ended=lambda row, token: False) == [ids[1:]]


def test_greedy_equals_transformers(tmp_path) -> None:
    from glassworks.models.io import save_model

    model = random_model(GPTConfig("gpt2", 257, 64, 2, 2, 16))
    save_model(model, tmp_path / "model")
    peer = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    prompt = torch.arange(10)[None]
    for penalty in (1.0, 1.4):
        out = peer.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=40,
            do_sample=False,
            pad_token_id=0,
            repetition_penalty=penalty,
        )
        ours = rows(model, [list(range(10))], max_tokens=40, temperature=0, repetition_penalty=penalty)
        assert ours == [t[: t.index(EOT) + 1] if EOT in t else t for t in [out[0, 10:].tolist()]]


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.6},
        {"top_k": 7},
        {"top_p": 0.8},
        {"top_p": 0.01},
        {"min_p": 0.1},
        {"temperature": 1.7, "top_k": 30, "top_p": 0.9, "min_p": 0.03},
        {"repetition_penalty": 1.8, "temperature": 0.5, "top_p": 0.7},
        {"top_k": 1000},
    ],
)
def test_filters_match_those_of_transformers(options: dict) -> None:
    logits = 3 * torch.randn(40, 100, generator=torch.Generator().manual_seed(0))
    history = torch.randint(100, (40, 20), generator=torch.Generator().manual_seed(1))
    how = Sampling(**options)
    kinds = {
        "repetition_penalty": transformers.RepetitionPenaltyLogitsProcessor,
        "temperature": transformers.TemperatureLogitsWarper,
        "top_k": transformers.TopKLogitsWarper,
        "top_p": transformers.TopPLogitsWarper,
        "min_p": transformers.MinPLogitsWarper,
    }
    theirs = LogitsProcessorList([kind(options[name]) for name, kind in kinds.items() if name in options])
    expected = theirs(history, logits.clone()).softmax(-1)
    seen = torch.zeros(40, 100, dtype=torch.bool).scatter_(1, history, True)
    kept, ids = candidates(penalise(logits, seen, how.repetition_penalty), how)
    ours = kept if ids is None else torch.zeros(40, 100).scatter_(1, ids, kept)
    torch.testing.assert_close(ours / ours.sum(-1, keepdim=True), expected)


def test_choices_follow_the_distribution() -> None:
    logits = torch.tensor([2.0, 0.0, -1.0, 1.0, -math.inf]).expand(20_000, 5)
    uniform = torch.linspace(0, 1, 20_001)[:-1]
    for options, kept in (({}, 4), ({"top_k": 2}, 2), ({"top_p": 0.9}, 3)):
        tokens = choose(logits, Sampling(**options), uniform)
        expected = logits[0].softmax(-1) * (logits[0] >= logits[0].sort(descending=True).values[kept - 1])
        torch.testing.assert_close(tokens.bincount(minlength=5) / 20_000, expected / expected.sum(), atol=2e-4, rtol=0)


def test_the_seed_decides(model: GPT) -> None:
    one, two = (rows(model, PROMPTS[:1] * 2, max_tokens=30, seed=seed, temperature=2.0) for seed in (1, 2))
    assert one == rows(model, PROMPTS[:1] * 2, max_tokens=30, seed=1, temperature=2.0)
    assert one != two
    assert one[0] != one[1]  # two rows with the same prompt are two samples


def test_training_mode_and_weights_are_as_before(model: GPT) -> None:
    model.train()
    model.blocks[0].eval()
    before = {name: p.clone() for name, p in model.state_dict().items()}
    tokens = stream(model, [[1]], eot=EOT, max_tokens=5)
    next(tokens)
    assert not model.training
    tokens.close()
    assert model.training
    assert not model.blocks[0].training
    assert all(torch.equal(before[name], p) for name, p in model.state_dict().items())
    model(torch.zeros(1, 3, dtype=torch.long)).sum().backward()


@pytest.mark.parametrize("text", ["plain", "é and 🙂 and \n\nend", "日本語"])
def test_pieces_are_whole_characters_and_join_to_the_text(text: str) -> None:
    pieces = list(stream_text(scripted(text.encode()), Bytes(), "", max_tokens=60, temperature=0))
    assert "".join(pieces) == text
    assert all("\ufffd" not in piece for piece in pieces)
    assert len(pieces) == len(text)


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        ((), "one, two, three"),
        ((",",), "one"),
        (", t", "one"),
        (("o, t",), "one, tw"),
        (("three", "two"), "one, "),
        (("three!",), "one, two, three"),
        (("one",), ""),
        (("ee", "hree"), "one, two, t"),
    ],
)
def test_stop_strings_cut_precisely(stop: tuple[str, ...], expected: str) -> None:
    model = scripted(b"one, two, three")
    pieces = list(stream_text(model, Bytes(), "", max_tokens=40, temperature=0, stop=stop))
    assert "".join(pieces) == expected
    assert generate(model, Bytes(), [""], max_tokens=40, temperature=0, stop=stop) == [expected]


def test_what_cannot_write_is_refused_in_one_line(model: GPT, tmp_path: Path) -> None:
    with torch.device("meta"):
        shape = GPT(model.config)
    for refused in (lambda: generate(shape, Bytes(), ["a"]), lambda: save_model(shape, tmp_path / "shape")):
        with pytest.raises(ValueError, match="model is on the meta device"):
            refused()
    (tmp_path / "notes.txt").write_text("kept", encoding="utf-8")
    with pytest.raises(NotADirectoryError, match="notes.txt"):
        save_model(model, tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "kept"
    with pytest.raises(ValueError, match="must have a name"):
        save_model(model, "")


def test_how_many_random_numbers_are_drawn_at_once_changes_nothing(model: GPT, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts, ended = [[1], [2, 3], [4]], lambda row, token: token < 8  # rows leave the batch at different steps
    whole = rows(model, prompts, max_tokens=60, seed=3, ended=ended)
    assert len({len(row) for row in whole}) > 1
    monkeypatch.setattr(sampling, "DRAWN", 7)
    assert rows(model, prompts, max_tokens=60, seed=3, ended=ended) == whole


def test_broken_characters_come_at_the_end_and_max_tokens_cuts() -> None:
    assert generate(scripted(b"a\xf0\x9f"), Bytes(), [""], max_tokens=40, temperature=0) == ["a\ufffd"]
    assert generate(scripted(b"a\x80b"), Bytes(), [""], max_tokens=40, temperature=0) == ["a\ufffdb"]
    assert generate(scripted(b"abcdef"), Bytes(), [""], max_tokens=3, temperature=0) == ["abc"]
    assert generate(scripted(b"abcdef"), Bytes(), [""], max_tokens=0) == [""]
    assert generate(scripted(b"abcdef"), Bytes(), [""], max_tokens=10**30) == ["abcdef"]  # takes no memory for them
    assert generate(scripted(b"abcdef"), Bytes(), []) == []


def test_streams_of_many_rows_join_to_generate(model: GPT) -> None:
    prompts = ["To be", "", "a much longer prompt than that"]
    columns = list(stream_texts(model, Bytes(), prompts, max_tokens=30, seed=3))
    texts = ["".join(pieces) for pieces in zip(*columns, strict=True)]
    assert texts == generate(model, Bytes(), prompts, max_tokens=30, seed=3)
    assert texts == generator(model, Bytes(), max_tokens=30, seed=3)(prompts)


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"min_p": -0.1},
        {"min_p": 2.0},
        {"repetition_penalty": 0.0},
        {"max_tokens": -1},
        {"stop": ("",)},
        {"seed": -1},
        {"temperature": math.inf},
        {"top_p": math.nan},
        {"min_p": math.nan},
        {"repetition_penalty": math.nan},
    ],
)
def test_options_outside_their_range_are_refused_at_the_call(options: dict) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=rf"{name} \(=.*must be"):
        stream(random_model(CONFIGS["gpt2"]), [[1]], **options)
    with pytest.raises(ValueError, match=name):
        generator(random_model(CONFIGS["gpt2"]), Bytes(), **options)


def test_an_option_that_is_misspelt_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"^there is no max_tokenz: did you mean max_tokens\?$"):
        generate(random_model(CONFIGS["gpt2"]), Bytes(), ["a"], max_tokenz=5)


def test_tokens_outside_the_vocabulary_are_refused() -> None:
    with pytest.raises(ValueError, match=r"prompt 1 has token 300.*vocab_size=257"):
        stream(random_model(CONFIGS["gpt2"]), [[1], [2, 300]])


# ----------------------------------------------------------------------------------------------------------------------
# Numbers at their ends


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_tiny_temperatures_are_greedy(model: GPT, dtype: torch.dtype) -> None:
    """Also where logits tie, as those of few bits do."""
    model.to(dtype)
    greedy = rows(model, PROMPTS[:3], max_tokens=12, temperature=0)
    for temperature in (5e-324, 1e-40, 1e-30, 1e-21):
        assert rows(model, PROMPTS[:3], max_tokens=12, temperature=temperature) == greedy
    if dtype is torch.float32:
        assert rows(model, PROMPTS[:3], max_tokens=12, temperature=1e-12) == greedy


@pytest.mark.parametrize("options", [{"top_p": 1e-40}, {"top_p": 1e-300}, {"top_k": 1}, {"min_p": 1.0}])
def test_filters_that_leave_one_token_are_greedy(options: dict) -> None:
    model = random_model(CONFIGS["gpt2"])
    assert rows(model, PROMPTS, max_tokens=12, **options) == rows(model, PROMPTS, max_tokens=12, temperature=0)
    torch.set_flush_denormal(True)
    try:
        assert rows(model, PROMPTS, max_tokens=12, **options) == rows(model, PROMPTS, max_tokens=12, temperature=0)
    finally:
        torch.set_flush_denormal(False)


@pytest.mark.parametrize("options", [{"temperature": 0}, {}, {"top_k": 3}, {"top_p": 0.5}, {"min_p": 0.1}])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_logits_that_are_no_numbers_are_an_error_that_says_so(model: GPT, value: float, options: dict) -> None:
    with torch.no_grad():
        model.embed.weight[65].fill_(value)
    with pytest.raises(ValueError, match=r"of the 257 logits are NaN and .* health") as caught:
        generate(model, Bytes(), ["A"], max_tokens=5, **options)
    assert "\n" not in str(caught.value)


def test_an_infinite_logit_is_the_likeliest() -> None:
    model = random_model(CONFIGS["gpt2"])
    model.head.register_forward_hook(lambda module, args, out: out.index_fill(-1, torch.tensor(66), math.inf))
    assert generate(model, Bytes(), ["A"], max_tokens=3, temperature=0) == ["BBB"]


# ----------------------------------------------------------------------------------------------------------------------
# Vocabularies of two sizes


class Holes(Bytes):
    """A tokenizer that has no token 7, nor any from 200 on but its end of text."""

    known = np.array([id in {*range(200), EOT} - {7} for id in range(257)])

    def decode(self, ids: Sequence[int]) -> str:
        assert all(self.known[ids])
        return super().decode(ids)


@pytest.mark.parametrize("options", [{"temperature": 0}, {"temperature": 3.0}, {"top_k": 2}, {"top_p": 0.3}])
@pytest.mark.parametrize("vocab_size", [257, 320])
def test_ids_that_the_tokenizer_lacks_are_never_drawn(vocab_size: int, options: dict) -> None:
    model = random_model(GPTConfig("gpt2", vocab_size, 24, 1, 2, 16))
    with torch.no_grad():
        model.embed.weight[[7, *range(200, vocab_size)]] *= 30  # the likeliest
    for penalty in (1.0, 1.3):
        how = {"max_tokens": 60, "repetition_penalty": penalty, **options}
        (columns,) = [list(stream(model, [[7, 250, vocab_size - 1], [2]], eot=EOT, known=Holes.known, **how))]
        drawn = {token for row in columns for token in row if token is not None}
        assert drawn
        assert all(Holes.known[list(drawn)])
        assert len(generate(model, Holes(), ["hello", ""], **how)) == 2


def test_a_model_with_fewer_tokens_than_the_tokenizer() -> None:
    model = random_model(GPTConfig("gpt2", 100, 24, 1, 2, 16))
    assert generate(model, Holes(), ["A"], max_tokens=9)
    with pytest.raises(ValueError, match=r"prompt 1 has token 122, outside the model's vocabulary \(vocab_size=100\)"):
        generate(model, Holes(), ["A", "z"])


# ----------------------------------------------------------------------------------------------------------------------
# What is no list


@pytest.mark.parametrize("call", [generate, stream_texts, lambda model, t, prompts: generator(model, t)(prompts)])
def test_a_bare_string_is_no_list_of_prompts(call) -> None:
    model = random_model(CONFIGS["gpt2"])
    with pytest.raises(ValueError, match=r"prompts \(='Once'\) must be a list of texts, as \['Once'\]"):
        call(model, Bytes(), "Once")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("call", [generate, stream_texts, complete, stream_completions])
def test_prompts_that_can_be_read_only_once_are_refused_in_one_sentence(call) -> None:
    """It was "zip() argument 2 is longer than argument 1", or that a generator has no len()."""
    model = random_model(CONFIGS["gpt2"])
    with pytest.raises(ValueError, match=r"^prompts must be a list of texts, not a generator: give list\(prompts\)$"):
        call(model, Bytes(), (text for text in ("a", "b")))


WRONG = """
import numpy as np
import torch
from glassworks.data.tokenizers.build import byte_tokenizer
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.generation.completion import complete, generate
from glassworks.models.generation.sampling import stream

model, tokenizer = GPT(GPTConfig("gpt2", 257, 24, 1, 2, 16)), byte_tokenizer()
calls = [(lambda value: generate(model, tokenizer, value), [[1], [None], [b"a"], [["a"]], "a", b"a"])]
calls += [(lambda value: complete(model, tokenizer, value), [[1], [None], [["a"]], "a", b"a", 3, None])]
calls += [(lambda value: stream(model, value), [[1], [None], ["a"], [["a"]], "a", b"a", torch.tensor([1, 2])])]
for call, prompts in ((call, prompts) for call, wrong in calls for prompts in wrong):
    try:
        call(prompts)
    except ValueError as error:
        assert "prompt" in str(error) and "\\n" not in str(error), error
    else:
        raise AssertionError(prompts)
wrong = {"stop": [(1,), b"ab", 3], "seed": [0.5, None], "temperature": ["hot", None], "top_k": [2.5, "all"]}
wrong |= {"max_tokens": [2.0, None], "top_p": ["a"], "min_p": [[1]], "repetition_penalty": [None]}
for name, values in wrong.items():
    for value in values:
        try:
            generate(model, tokenizer, ["a"], **{name: value})
        except ValueError as error:
            assert str(error).startswith(f"{name} (={value!r}) must be"), error
        else:
            raise AssertionError((name, value))
texts = generate(model, tokenizer, ["a", "b"], max_tokens=4)
assert generate(model, tokenizer, ("a", "b"), max_tokens=4) == texts
assert generate(model, tokenizer, np.array(["a", "b"]), max_tokens=4, stop=None) == texts
ids = [[1, 2], [3, 4]]
assert list(stream(model, torch.tensor(ids), max_tokens=3)) == list(stream(model, ids, max_tokens=3))
assert complete(model, tokenizer, torch.tensor(ids)) == complete(model, tokenizer, ids)
"""


def test_wrong_types_are_refused_in_one_line_and_lists_may_be_of_any_kind() -> None:
    """In a process where nothing checks types."""
    subprocess.run([sys.executable, "-c", WRONG], check=True, capture_output=True, text=True)


def test_a_text_ends_at_any_of_its_ends() -> None:
    class Chat(Bytes):
        ends = frozenset({ord(","), ord("!")})

    assert generate(scripted(b"one, two"), Chat(), [""], max_tokens=40, temperature=0) == ["one"]
    assert generate(scripted(b"one"), Chat(), [""], max_tokens=40, temperature=0) == ["one"]


def test_invalid_bytes_without_end_are_decoded_in_proportion_to_their_number() -> None:
    class Counting(Bytes):
        decoded = 0

        def decode(self, ids: Sequence[int]) -> str:
            self.decoded += len(ids)
            return super().decode(ids)

    for byte in (0x80, 0xC3, 0xE2, 0xF0, 0xFF):
        counts = []
        for n in (500, 2000):
            tokenizer = Counting()
            text = Text(tokenizer, ("stop",), [97])
            assert not any(text.push(byte) for _ in range(n))
            assert text.finish() == bytes([byte] * n).decode(errors="replace")
            counts.append(tokenizer.decoded / n)
        assert counts[1] <= 1.1 * counts[0] < 20


@pytest.mark.parametrize(
    ("known", "message"),
    [
        (np.zeros(300, np.bool_), "a True among"),
        (np.zeros(0, np.bool_), "a True among"),
        ([], "a row of True and False"),
        (np.ones((2, 2), np.bool_), "a row of True and False"),
    ],
)
def test_a_mask_that_knows_no_id_is_refused_at_the_call(model: GPT, known: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stream(model, [[1]], known=known)


def test_a_mask_may_be_a_list(model: GPT) -> None:
    assert {step[0] for step in stream(model, [[1]], known=[False, False, True], max_tokens=4)} == {2}


def test_ids_are_continued_as_texts_are_and_as_the_model_wrote_them(model: GPT) -> None:
    tokenizer = Bytes()
    options = {"max_tokens": 12, "temperature": 1.0, "seed": 3}
    prompts = ["ab", "", "né"]
    rows = [tokenizer.encode(prompt) for prompt in prompts]
    ids = continue_ids(model, tokenizer, rows, **options)
    texts = generate(model, tokenizer, prompts, **options)
    assert [text_behind(tokenizer, row, part) for row, part in zip(rows, ids, strict=True)] == texts
    stopped = [[], []]
    for step in stream(model, [[], [97]], eot=EOT, **options):
        for row, token in zip(stopped, step, strict=True):
            row += [token] if token not in (None, EOT) else []
    assert continue_ids(model, tokenizer, [[], [97]], **options) == stopped
