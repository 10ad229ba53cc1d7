import torch

from glassworks.optim.gradient_free.evolution.sums import TILE, add_moments


def sums(D: int, parts: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, mean, weights = (torch.randn(*shape, generator=generator) for shape in ((12, D), (D,), (12,)))
    first, second = torch.zeros(D), torch.zeros(D)
    for part in torch.arange(12).chunk(parts):
        add_moments(x[part], mean, weights[part], first, second)
    torch.testing.assert_close(first, weights @ (x - mean), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(second, weights @ (x - mean).square(), rtol=1e-5, atol=1e-5)
    return first, second


def test_sums_are_right_whether_a_tile_is_full_or_not() -> None:
    for D in (1, 7, TILE - 1, TILE, TILE + 1, 3 * TILE + 5):
        sums(D)


def test_neither_parts_nor_threads_change_a_bit() -> None:
    whole, threads = sums(3 * TILE + 5), torch.get_num_threads()
    assert all(torch.equal(a, b) for a, b in zip(whole, sums(3 * TILE + 5, parts=5), strict=True))
    try:
        torch.set_num_threads(3)
        assert all(torch.equal(a, b) for a, b in zip(whole, sums(3 * TILE + 5), strict=True))
    finally:
        torch.set_num_threads(threads)
