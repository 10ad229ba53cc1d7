import numpy as np
import pytest

from glassworks.models.kernels import layers as kernel


def test_exp_is_exact_but_for_rounding_and_stays_a_normal_number() -> None:
    x = np.linspace(-87, 88, 100_001, dtype=np.float32)
    ours = np.array([kernel.exp(number) for number in x])
    exact = np.exp(x.astype(np.float64))
    assert (np.abs(ours - exact) / exact).max() < 1e-7
    assert kernel.exp(np.float32(-np.inf)) == kernel.exp(np.float32(-87)) > 0
    assert np.isfinite(kernel.exp(np.float32(np.inf)))
    assert np.isnan(kernel.exp(np.float32(np.nan)))


@pytest.mark.parametrize("S", [1, 3, 4, 9])
@pytest.mark.parametrize("D", [1, 5, 32])
def test_attention_to_any_number_of_keys(S: int, D: int) -> None:
    random = np.random.default_rng(0)
    q, keys, values = (random.standard_normal(shape, np.float32) for shape in ((D,), (S, D), (S, D)))
    pattern = np.exp(keys @ q - (keys @ q).max())
    out = np.empty(D, np.float32)
    kernel.attend(q, keys, values, np.empty(S, np.float32), out)
    np.testing.assert_allclose(out, pattern @ values / pattern.sum(), rtol=1e-5, atol=1e-6)


def test_rooms_start_at_cache_lines() -> None:
    assert all(kernel.room(3, 5).ctypes.data % 64 == 0 for _ in range(20))
