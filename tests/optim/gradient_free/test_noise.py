import numpy as np
import pytest
import torch

from glassworks.optim.gradient_free.noise import normals, philox
from glassworks.optim.gradient_free.search import mixed

WORD = np.uint64


@pytest.mark.parametrize(
    ("counter", "key", "numbers"),
    [
        ((0, 0), 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((2**64 - 1, 2**64 - 1), 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ((0x85A308D3243F6A88, 0x0370734413198A2E), 0x299F31D0A4093822, "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_philox_gives_its_authors_known_answers(counter: tuple[int, int], key: int, numbers: str) -> None:
    halves = WORD(key & 0xFFFFFFFF), WORD(key >> 32)
    found = philox(WORD(counter[0]), WORD(counter[1]), *halves)
    assert " ".join(f"{int(word):08x}" for word in found) == numbers


def test_numbers_are_normal() -> None:
    x = normals(7, range(2000), 1000).double()
    n = x.numel()
    for power, moment, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert x.pow(power).mean().item() == pytest.approx(moment, abs=4 * (spread / n) ** 0.5)
    for level in (-3.0, -1.0, -0.1, 0.5, 2.0, 4.0):
        share = torch.special.ndtr(torch.tensor(level).double()).item()
        assert (x < level).double().mean().item() == pytest.approx(share, abs=4 * (share * (1 - share) / n) ** 0.5)
    assert x.abs().max() > 4.5


def test_any_part_is_the_same_to_the_bit_as_within_the_whole() -> None:
    whole = normals(11, range(40), 700)
    assert torch.equal(normals(11, range(13, 29), 700), whole[13:29])
    assert torch.equal(normals(11, range(13, 14), 300), whole[13:14, :300])


def test_threads_change_nothing() -> None:
    threads = torch.get_num_threads()
    alone = normals(3, range(64), 1111)
    try:
        torch.set_num_threads(3)
        assert torch.equal(normals(3, range(64), 1111), alone)
    finally:
        torch.set_num_threads(threads)


def largest_correlation(rows: torch.Tensor) -> float:
    """Between any two rows, in standard errors."""
    rows = rows.double()
    rows = (rows - rows.mean(1, keepdim=True)) / rows.std(1, keepdim=True, correction=0)
    products = (rows @ rows.T / rows.shape[1]).fill_diagonal_(0)
    return float(products.abs().max() * rows.shape[1] ** 0.5)


@pytest.mark.parametrize("shift", [0, 1, 64, 256])
def test_rows_are_independent_within_a_step_and_from_step_to_step(shift: int) -> None:
    """Also when one is shifted against another: a stream begun a little further on would show there."""
    steps = [normals(mixed(seed, generation), range(6), 10_000) for seed in (0, 1) for generation in range(6)]
    rows = torch.cat([*steps, torch.cat(steps).roll(shift, 1)]) if shift else torch.cat(steps)
    assert largest_correlation(rows) < 5.5  # by chance in one of 2,000 runs


def test_the_check_of_independence_finds_the_published_fault() -> None:
    """A generator that is seeded anew with seed + step, and rows that begin in it one after the other."""
    partly = torch.cat([torch.randn(20_000, generator=torch.Generator().manual_seed(seed))[None] for seed in (5, 6, 5)])
    mixture = torch.cat([partly[:2], 0.9 * partly[1:2] + 0.1 * normals(1, range(1), 20_000)])
    assert largest_correlation(partly) > 100
    assert largest_correlation(mixture) > 100


def test_seeds_of_neighbours_have_nothing_in_common() -> None:
    seeds = {mixed(seed, generation) for seed in range(100) for generation in range(1000)}
    assert len(seeds) == 100_000
    bits = [bin(mixed(0, g) ^ mixed(0, g + 1)).count("1") for g in range(1000)]
    assert sum(bits) / len(bits) == pytest.approx(32, abs=0.6)
