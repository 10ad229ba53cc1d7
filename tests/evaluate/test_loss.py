import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.core.errors import RunError
from glassworks.data.store import Tokens
from glassworks.data.text.shards import Corpus, prepare
from glassworks.evaluate.loss import SplitLoss, split_loss
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT

WORDS = ["stone", "rain", "über", "glass", "fire", "naïve", "\n", "the"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    generator = np.random.default_rng(0)
    (folder / "texts").mkdir()
    for i in range(40):
        text = " ".join(generator.choice(WORDS, size=int(generator.integers(1, 60))))
        (folder / "texts" / f"{i:02}.txt").write_text(text, encoding="utf-8")
    return prepare(str(folder / "texts"), "bytes", folder / "made", held_out=0.4)


@pytest.fixture(scope="module")
def tail(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("tail")
    (folder / "text.txt").write_text("to be or not to be, that is the question. " * 20, encoding="utf-8")
    return prepare(str(folder / "text.txt"), "chars", folder / "made", held_out=0.3, split="tail")


def random_model(vocab_size: int) -> GPT:
    model = GPT(GPTConfig(architecture="gpt2", vocab_size=vocab_size, n_ctx=16, n_layer=1, n_head=2, n_embd=16))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.empty(p.shape).normal_(0, 0.3, generator=generator))
    return model


def slow_nats(model: GPT, tokens: Tokens) -> np.ndarray:
    """Nats of each document, one window at a time."""
    stream = tokens.read(0, tokens.num_tokens)
    sums = np.zeros(tokens.num_documents)
    for start in range(0, len(stream) - 1, 16):
        window = torch.from_numpy(stream[start : start + 17])
        with torch.no_grad():
            losses = F.cross_entropy(model(window[None, :-1])[0], window[1:], reduction="none").double()
        for position, loss in enumerate(losses.tolist(), start + 1):
            if position not in tokens.starts:
                sums[tokens.document_at(np.array([position]))[0]] += loss
    return sums


@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_matches_one_window_at_a_time_whatever_the_batch(corpus: Corpus, batch_size: int) -> None:
    model, val = random_model(corpus.val.vocab_size), corpus.val
    loss, nats = split_loss(model, val, batch_size=batch_size), slow_nats(model, val)
    assert loss.nats_per_token == pytest.approx(nats.sum() / loss.num_tokens, rel=1e-6)
    assert loss.bits_per_byte == pytest.approx(nats.sum() / math.log(2) / loss.num_bytes, rel=1e-6)


def test_counts_the_documents_own_tokens_and_bytes(corpus: Corpus) -> None:
    val = corpus.val
    loss = split_loss(random_model(val.vocab_size), val, batch_size=4)
    assert loss.num_tokens == loss.num_bytes == val.num_tokens - val.num_documents  # a token is a byte here
    assert loss.num_documents == val.num_documents > 5


def test_standard_error_agrees_with_the_bootstrap(corpus: Corpus) -> None:
    model, train = random_model(corpus.val.vocab_size), corpus.train
    loss, nats, sizes = split_loss(model, train, batch_size=8), slow_nats(model, train), np.asarray(train.num_bytes)
    drawn = np.random.default_rng(0).integers(len(nats), size=(4000, len(nats)))
    spread = (nats[drawn].sum(1) / sizes[drawn].sum(1)).std() / math.log(2)
    assert loss.bits_per_byte_se == pytest.approx(spread, rel=0.1)
    assert loss.nats_per_token_se == pytest.approx(spread * math.log(2), rel=0.1)


def test_a_tail_split_scores_as_consecutive_windows(tail: Corpus) -> None:
    val = tail.val
    model = random_model(val.vocab_size)
    stream = torch.from_numpy(val.read(0, val.num_tokens))
    count = (len(stream) - 1) // 16 * 16
    with torch.no_grad():
        logits = model(stream[:count].view(-1, 16))
        whole = F.cross_entropy(logits.flatten(0, 1), stream[1 : count + 1], reduction="sum").item()
        if count < len(stream) - 1:
            rest = model(stream[None, count:-1])[0]
            whole += F.cross_entropy(rest, stream[count + 1 :], reduction="sum").item()
    loss = split_loss(model, val, batch_size=5)
    assert loss.nats_per_token == pytest.approx(whole / (len(stream) - 1), rel=1e-6)
    assert (loss.num_documents, loss.nats_per_token_se, loss.bits_per_byte_se) == (1, None, None)


def test_a_uniform_model_scores_the_logarithm_of_the_vocabulary(corpus: Corpus) -> None:
    model = GPT(GPTConfig(vocab_size=corpus.val.vocab_size, n_ctx=16, n_layer=1, n_head=2, n_embd=16))  # starts uniform
    loss = split_loss(model, corpus.val, batch_size=4)
    assert loss.nats_per_token == pytest.approx(math.log(257), rel=1e-6)
    assert loss.nats_per_token_se == pytest.approx(0, abs=1e-6)


def test_a_quick_look_scores_the_first_tokens_only(corpus: Corpus) -> None:
    model, val = random_model(corpus.val.vocab_size), corpus.val
    end = int(val.starts[2]) + 10  # two whole documents and 9 tokens of the third
    loss = split_loss(model, val, batch_size=2, max_tokens=end)
    assert (loss.num_documents, loss.num_tokens) == (3, end - 3)
    assert loss.num_bytes == loss.num_tokens
    assert loss.nats_per_token < 2 * split_loss(model, val, batch_size=2, max_tokens=10**9).nats_per_token


def test_a_window_sees_only_itself(corpus: Corpus) -> None:
    model, n_ctx = random_model(corpus.val.vocab_size), 8
    stream = torch.from_numpy(corpus.val.read(0, corpus.val.num_tokens))
    nats = 0.0
    for start in range(0, len(stream) - 1, n_ctx):
        window = stream[start : start + n_ctx + 1]
        with torch.no_grad():
            losses = nn.functional.cross_entropy(model(window[None, :-1])[0], window[1:], reduction="none")
        scored = ~torch.isin(torch.arange(start + 1, start + len(window)), torch.tensor(corpus.val.starts.tolist()))
        nats += losses[scored].double().sum().item()
    loss = split_loss(model, corpus.val, batch_size=4, n_ctx=n_ctx)
    assert loss.nats_per_token * loss.num_tokens == pytest.approx(nats, rel=1e-5)
    assert loss.nats_per_token != split_loss(model, corpus.val, batch_size=4).nats_per_token


def test_restores_the_mode_and_turns_dropout_off(corpus: Corpus) -> None:
    class WithDropout(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.drop = random_model(corpus.val.vocab_size), nn.Dropout(0.9)

        def forward(self, tokens: Tensor) -> Tensor:
            out: Tensor = self.drop(self.inner(tokens))
            return out

    model = WithDropout().train()
    loss = split_loss(model, corpus.val, batch_size=4, n_ctx=16)
    assert model.training
    assert model.drop.training
    assert loss.nats_per_token == split_loss(model.inner, corpus.val, batch_size=4).nats_per_token


def test_a_model_may_differentiate_inside_its_forward(corpus: Corpus) -> None:
    class Descending(nn.Module):
        """Goes half-way down the slope of |x|²/2, which is x, and twice as far from zero as it then is."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = random_model(corpus.val.vocab_size)

        def forward(self, tokens: Tensor) -> Tensor:
            with torch.enable_grad():
                x = self.inner(tokens).detach().requires_grad_()
                (slope,) = torch.autograd.grad(x.square().sum() / 2, x)
                return 2 * (x - slope / 2)

    model = Descending()
    found = split_loss(model, corpus.val, batch_size=4, n_ctx=16)
    assert found == replace(split_loss(model.inner, corpus.val, batch_size=4), seconds=found.seconds)


def test_lower_precision_is_close(corpus: Corpus) -> None:
    model = random_model(corpus.val.vocab_size)
    full, low = (split_loss(model, corpus.val, batch_size=4, autocast=t) for t in (torch.float32, torch.bfloat16))
    assert low.nats_per_token == pytest.approx(full.nats_per_token, rel=1e-2)
    assert low.nats_per_token != full.nats_per_token


def test_reports_progress_and_the_loss_so_far_to_the_end(corpus: Corpus) -> None:
    seen, losses = list[int](), list[float]()

    def note(done: int, *, loss: float) -> None:
        seen.append(done)
        losses.append(loss)

    found = split_loss(random_model(corpus.val.vocab_size), corpus.val, batch_size=4, progress=note)
    assert losses[-1] == pytest.approx(found.nats_per_token, rel=1e-12)
    assert seen == sorted(seen)
    assert seen[-1] == corpus.val.num_tokens


def test_says_when_the_weights_have_diverged(corpus: Corpus) -> None:
    model = random_model(corpus.val.vocab_size)
    with torch.no_grad():
        model.norm.weight[0] = torch.nan
    with pytest.raises(RunError, match="not finite"):
        split_loss(model, corpus.val, batch_size=4)
    assert model.training


def test_reads_as_one_line() -> None:
    loss = SplitLoss(1.72, 0.01, 2.48, None, 111_540, 111_540, 3, 1.25)
    assert str(loss) == "1.7200 ± 0.0100 nats/token, 2.4800 bits/byte (111,540 tokens, 3 documents, 1.2 s)"
