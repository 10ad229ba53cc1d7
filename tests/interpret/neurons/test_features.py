import numpy as np
import pytest
import torch
from torch import nn

from glassworks.interpret.neurons.features import neuron_features


class Detector(nn.Module):
    """Neuron 0 fires where the token is 2, neuron 1 where it is 4, neuron 2 never."""

    def __init__(self) -> None:
        super().__init__()
        self.post = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.post(torch.stack([(x == 2) * 3.0, x == 4, x * 0.0], -1))
        return out


def data(B: int = 90) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randint(6, (B, 5), generator=torch.Generator().manual_seed(0))
    return x, nn.functional.one_hot(x, 6).bool()


def test_means_where_it_fires_are_those_of_an_index_and_chance_is_flat() -> None:
    x, features = data()
    trace = neuron_features(Detector(), x, features, "post", names=[f"token {i}" for i in range(6)], batch_size=20)
    mean = trace.arrays["firing_mean"]
    np.testing.assert_allclose(mean[0, :2], np.eye(6)[[2, 4]], atol=1e-6)
    assert np.isnan(mean[:, 2]).all()
    assert (abs(mean[1, :2] - trace.arrays["mean"]) < 0.2).all()
    assert trace.arrays["num_firing"].tolist() == [int((x == 2).sum()), int((x == 4).sum()), 0]
    np.testing.assert_allclose(trace.arrays["mean"], features.float().mean((0, 1)), rtol=1e-5)
    assert trace.labels["feature"][2] == "token 2"


def test_masked_places_do_not_count() -> None:
    x, _ = data()
    keep = torch.arange(5).expand(90, 5) == 1
    trace = neuron_features(Detector(), x, torch.arange(5.0).expand(90, 5)[..., None], "post", keep=keep, neurons=[0])
    assert trace.arrays["firing_mean"].tolist() == [[[1.0]], [[1.0]]]
    assert trace.meta["num_places"] == 90


def test_refuses_what_does_not_fit() -> None:
    x, features = data()
    with pytest.raises(ValueError, match=r"inputs \(89, 5\), features \(90, 5, 6\)"):
        neuron_features(Detector(), x[:-1], features, "post")
    with pytest.raises(ValueError, match=r"names \(of 1\) must name the 6"):
        neuron_features(Detector(), x, features, "post", names=["a"])
    with pytest.raises(ValueError, match=r"post gives \(64, 5, 3\) for features \(64, 6\)"):
        neuron_features(Detector(), x, features[:, 0], "post")
