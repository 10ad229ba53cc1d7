import importlib.util

import llvmlite.binding
import numpy as np
import pytest

from glassworks.models.kernels import product


@pytest.mark.parametrize("M", [1, 3, 8, 19])
@pytest.mark.parametrize(
    ("I", "O"), [(0, 5), (5, 0), (7, 9), (8, 16), (21, 8 * product.LANES + 3), (2 * product.DEPTH + 1, 200)]
)
def test_products_of_every_size(M: int, I: int, O: int) -> None:
    random = np.random.default_rng(0)
    x, weights, out = (random.standard_normal(shape, np.float32) for shape in ((M, I), (I + 1, O), (M, O)))
    wanted = x @ weights[:-1] + weights[-1]
    added = out + wanted
    product.add_affine(x, weights, out, 0, O)
    np.testing.assert_allclose(out, added, atol=1e-4)
    product.affine(x, weights, out, 0, O)
    np.testing.assert_allclose(out, wanted, atol=1e-4)


@pytest.mark.parametrize("M", [1, 8, 11])
def test_a_number_is_the_same_to_the_last_bit_whatever_rows_and_columns_are_asked_for(M: int) -> None:
    random = np.random.default_rng(0)
    x, weights = (random.standard_normal(shape, np.float32) for shape in ((M, 70), (71, 203)))
    whole, alone = np.empty((M, 203), np.float32), np.empty((1, 203), np.float32)
    product.affine(x, weights, whole, 0, 203)
    product.affine(x[-1:], weights, alone, 0, 203)
    np.testing.assert_array_equal(alone[0], whole[-1])
    for cut in (1, 17, 64, 130, 202):
        parts = np.full((M, 203), np.nan, np.float32)
        product.affine(x, weights, parts, cut, 203)
        assert np.isnan(parts[:, :cut]).all()
        product.affine(x, weights, parts, 0, cut)
        np.testing.assert_array_equal(parts, whole)


@pytest.mark.parametrize(("features", "lanes"), [({"avx512f": True}, 16), ({"avx512f": False}, 8), (None, 8)])
def test_vectors_are_as_long_as_the_cpus(features: dict[str, bool] | None, lanes: int, monkeypatch) -> None:
    """LLVM does not know every CPU's features."""

    def known() -> llvmlite.binding.FeatureMap:
        if features is None:
            raise RuntimeError("failed to get host cpu features")
        return llvmlite.binding.FeatureMap(features)

    monkeypatch.setattr(llvmlite.binding, "get_host_cpu_features", known)
    spec = importlib.util.spec_from_file_location("anew", product.__file__)
    anew = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(anew)
    assert lanes == anew.LANES
