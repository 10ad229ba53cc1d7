import itertools

import pytest
import torch

from glassworks.models.seq2seq.config import Seq2SeqConfig
from glassworks.models.seq2seq.decode import Hypothesis, beam_search, greedy, length_penalty
from glassworks.models.seq2seq.model import Seq2Seq

TINY = Seq2SeqConfig(vocab_size=5, n_ctx=10, n_layer=1, n_head=2, n_embd=8)
SOURCE = torch.tensor([[3, 4, 4, 2], [4, 2, 0, 0], [3, 3, 2, 0]])


def network(seed: int = 0) -> Seq2Seq:
    """Surer than a fresh network: ties and near ties would tell nothing."""
    model = Seq2Seq(TINY, seed=seed)
    with torch.no_grad():
        model.embed.weight *= 2
    return model


@torch.no_grad()
def log_prob(model: Seq2Seq, source: torch.Tensor, ids: tuple[int, ...], ended: bool) -> float:
    """Of a target, by one pass without a cache."""
    whole = [*ids, *([TINY.end_id] if ended else [])]
    inputs = torch.tensor([[TINY.start_id, *whole[:-1]]])
    rows = model.eval()(source[None], inputs)[0].log_softmax(-1)
    return float(rows[torch.arange(len(whole)), whole].sum())


def every_target(model: Seq2Seq, source: torch.Tensor, most: int, alpha: float) -> list[tuple[float, tuple[int, ...]]]:
    """All targets of at most so many tokens, the best first: by brute force."""
    found = []
    others = [token for token in range(TINY.vocab_size) if token != TINY.end_id]
    for length in range(most + 1):
        for ids in itertools.product(others, repeat=length):
            ended = length < most
            score = log_prob(model, source, ids, ended) / length_penalty(length + ended, alpha)
            found.append((score, ids))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_a_wide_beam_finds_the_best_of_all_targets(alpha: float) -> None:
    model = network()
    found = beam_search(model, SOURCE, beams=64, alpha=alpha, max_tokens=3)
    for source, ranked in zip(SOURCE, found, strict=True):
        expected = every_target(model, source, 3, alpha)
        assert [one.ids for one in ranked[:20]] == [ids for _, ids in expected[:20]]
        assert [one.score for one in ranked[:20]] == pytest.approx([score for score, _ in expected[:20]], abs=1e-4)


@pytest.mark.parametrize("beams", [1, 2, 4])
def test_scores_are_those_of_a_pass_without_a_cache(beams: int) -> None:
    model = network(1)
    for source, ranked in zip(SOURCE, beam_search(model, SOURCE, beams=beams, alpha=0.6), strict=True):
        assert 1 <= len(ranked) <= beams
        assert ranked == sorted(ranked, key=lambda one: -one.score)
        for one in ranked:
            assert one.log_prob == pytest.approx(log_prob(model, source, one.ids, one.ended), abs=1e-4)
            assert one.score == pytest.approx(one.log_prob / length_penalty(len(one.ids) + one.ended, 0.6))


def test_a_batch_gives_what_each_source_gives_alone() -> None:
    model = network(2)
    together = beam_search(model, SOURCE, beams=3)
    for i, length in enumerate((4, 2, 3)):
        (alone,) = beam_search(model, SOURCE[i : i + 1, :length], beams=3, max_tokens=10)
        assert [one.ids for one in alone] == [one.ids for one in together[i]]
        (one,) = greedy(model, SOURCE[i : i + 1, :length], max_tokens=10)
        assert one.ids == greedy(model, SOURCE)[i].ids


def test_greedy_takes_the_likeliest_token_each_time_and_beams_find_no_less() -> None:
    model = network(3)
    for source, one, ranked in zip(
        SOURCE, greedy(model, SOURCE), beam_search(model, SOURCE, beams=8, alpha=0.0), strict=True
    ):
        ids: list[int] = []
        with torch.no_grad():
            while len(ids) < 10 and TINY.end_id not in ids:
                ids.append(int(model(source[None], torch.tensor([[TINY.start_id, *ids]]))[0, -1].argmax()))
        assert one.ids == tuple(id for id in ids if id != TINY.end_id)
        assert one.log_prob == pytest.approx(log_prob(model, source, one.ids, one.ended), abs=1e-4)
        assert ranked[0].log_prob >= one.log_prob - 1e-4


def test_it_stops_at_the_end_of_its_room_and_says_so() -> None:
    model = network()
    with torch.no_grad():
        model.logits_bias[TINY.end_id] = -100.0  # never ends
    for found in (greedy(model, SOURCE), [ranked[0] for ranked in beam_search(model, SOURCE)]):
        assert all(not one.ended and len(one.ids) == TINY.n_ctx for one in found)
    assert len(greedy(model, SOURCE, max_tokens=4)[0].ids) == 4


def test_each_step_of_a_search_can_be_watched() -> None:
    seen: list[list[list[Hypothesis]]] = []
    ranked = beam_search(network(1), SOURCE, beams=3, watch=seen.append)
    assert len(seen[0]) == len(SOURCE)
    for step, going in enumerate(seen, 1):
        assert all(len(one.ids) == step and not one.ended for rows in going for one in rows)
        assert all(rows == sorted(rows, key=lambda one: -one.score) for rows in going)
    for row, found in enumerate(ranked):
        parents = {one.ids for going in seen for one in going[row]} | {()}
        assert all(one.ids[:-1] in parents for one in found)


def test_it_leaves_the_network_in_its_mode() -> None:
    model = network().train()
    beam_search(model, SOURCE)
    greedy(model, SOURCE)
    assert model.training
    assert model.decoder[0].after_mlp.dropout.training


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"beams": 0}, r"beams \(=0\)"), ({"alpha": -1.0}, r"alpha \(=-1.0\)"), ({"max_tokens": 0}, r"max_tokens \(=0\)")],
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        beam_search(network(), SOURCE, **wrong)
