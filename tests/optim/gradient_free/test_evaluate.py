"""Every way of evaluating a population gives the losses of the plain loop, and leaves everything as it was."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.objectives.losses import next_token_loss
from glassworks.optim.gradient_free import evaluate, vector
from glassworks.optim.gradient_free.evaluate import losses_of
from glassworks.optim.gradient_free.evaluation import ways as all_ways
from glassworks.optim.gradient_free.evaluation.batched import middle
from glassworks.optim.gradient_free.evaluation.left import Ran, left_as_it_was
from glassworks.optim.gradient_free.evaluation.loops import ImagesLast, channels_last, pooled_in_pairs, pools_pairs
from glassworks.optim.gradient_free.evaluation.rows import shares, some_rows
from glassworks.optim.gradient_free.evaluation.ways import Seen, Way, fastest, way_of
from glassworks.optim.gradient_free.evolution.openai_es import OpenAIES
from glassworks.train.distributed import Ranks
from glassworks.train.fit import fit
from glassworks.train.gradient import Gradient


def cross_entropy(model: nn.Module, batch: Any) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


class Refuses(nn.Module):
    """Goes one way or the other by its numbers, which no vmap can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        out = self.linear(x)
        return out * 2 if out.sum() > 0 else out


class InPlace(nn.Module):
    """Writes the outcome into a tensor of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        out = torch.zeros(len(x), 3)
        out += self.linear(x)
        return out


@dataclass
class Case:
    """A module, its loss and a batch."""

    model: nn.Module
    batch: tuple[Tensor, Tensor]
    loss: Callable[[nn.Module, Any], Any] = cross_entropy
    tolerance: float = 1e-5

    @property
    def weights(self) -> list[Tensor]:
        return [p for p in self.model.parameters() if p.requires_grad]

    def closure(self) -> Any:
        return self.loss(self.model, self.batch)


def points(features: int = 6, classes: int = 3) -> tuple[Tensor, Tensor]:
    return torch.randn(12, features), torch.randint(classes, (12,))


def images(channels: int = 1) -> tuple[Tensor, Tensor]:
    return torch.randn(12, channels, 9, 9), torch.randint(3, (12,))


def mlp() -> Case:
    return Case(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)), points())


def mlp_flat() -> Case:
    model = nn.Sequential(nn.Flatten(), nn.Linear(81, 8, bias=False), nn.Tanh(), nn.Linear(8, 3))
    return Case(model, images())


def mlp_norm_dropout() -> Case:
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))
    return Case(model, points())


def cnn() -> Case:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(0.2), nn.Flatten()
    )
    return Case(nn.Sequential(model, nn.Linear(36, 3)), images())


def cnn_smooth() -> Case:
    layers = (nn.Conv2d(1, 4, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(4, 6, 2), nn.Tanh(), nn.AvgPool2d(2, 1))
    return Case(nn.Sequential(*layers, nn.Flatten(), nn.Linear(6, 3)), images())


def cnn_colour() -> Case:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(3, 2), nn.Conv2d(4, 6, 3), nn.MaxPool2d(2))
    return Case(nn.Sequential(model, nn.Flatten(), nn.Linear(6, 3)), images(3))


class Residual(nn.Module):
    """Reads what ReLU gives more than once, and asks for its shape."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.last = nn.Linear(4 * 16 + 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x))
        B, C = x.shape[:2]
        x = x + torch.relu(self.second(x)).relu()
        x = x.relu()
        return self.last(torch.cat([F.max_pool2d(x, 2).view(B, -1), x.mean((2, 3)).view(B, C)], 1))


def residual() -> Case:
    return Case(Residual(), images())


def frozen() -> Case:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    for p in model[0].parameters():
        p.requires_grad_(False)
    return Case(model, points())


def gpt() -> Case:
    model = GPT(GPTConfig("gpt2", 32, n_ctx=8, n_layer=2, n_head=2, n_embd=16))
    tokens = torch.randint(32, (4, 9))
    return Case(model, (tokens[:, :-1], tokens[:, 1:]), next_token_loss)


def bfloat16() -> Case:
    x, y = points()
    return Case(mlp().model.bfloat16(), (x.bfloat16(), y), tolerance=0.03)


def autocast() -> Case:
    case = mlp()

    def loss(model: nn.Module, batch: Any) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return cross_entropy(model, batch).float()

    return Case(case.model, case.batch, loss, tolerance=0.03)


CASES = [mlp, mlp_flat, mlp_norm_dropout, cnn, cnn_smooth, cnn_colour, residual, frozen, gpt, bfloat16, autocast]


def made(build: Callable[[], Case]) -> Case:
    torch.manual_seed(0)
    return build()


def population(case: Case, P: int = 8, *, mirrored: bool = True) -> Tensor:
    """Candidates about the weights; the second half mirrors the first, or not."""
    mean = vector.read(case.weights)
    noise = 0.1 * torch.randn(P, len(mean), generator=torch.Generator().manual_seed(1))
    return mean + torch.cat([noise[: P // 2], -noise[: P // 2]]) if mirrored and P % 2 == 0 else mean + noise


def by_hand(case: Case, candidates: Tensor, seed: int = 0) -> Tensor:
    """The plain loop, written out."""
    weights, losses = case.weights, []
    before, buffers = vector.read(weights), [b.clone() for b in case.model.buffers()]
    for candidate in candidates:
        with torch.no_grad(), torch.random.fork_rng():
            vector.write(candidate, weights)
            torch.manual_seed(seed)
            losses.append(float(case.closure()))
            for buffer, copy in zip(case.model.buffers(), buffers, strict=True):
                buffer.copy_(copy)
    vector.write(before, weights)
    return torch.tensor(losses)


def in_way(case: Case, candidates: Tensor, way: Way, seed: int = 0) -> Tensor:
    """The losses in one way."""
    with torch.no_grad(), left_as_it_was(case.weights) as ran:
        local = ran_once(case, ran)
        sums = way_of(way, local, case.weights, seed, ran)(candidates)
    return sums[:, 0] / sums[:, 1]


def ran_once(case: Case, ran: Ran) -> Callable[[], Tensor]:
    for module in case.model.modules():
        ran.note(module, None)
    return lambda: evaluate.one_of(case.closure)


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "CHOSEN", {})
    monkeypatch.setattr(all_ways, "SHORT", 0.0)


# ----------------------------------------------------------------------------------------------------------------------
# The same losses


@pytest.mark.parametrize("build", CASES)
@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("way", [Way(), Way("images last"), Way("vmap", 1), Way("vmap", 3), Way("vmap", 64)])
def test_every_way_gives_the_losses_of_the_plain_loop(build: Callable[[], Case], mirrored: bool, way: Way) -> None:
    case = made(build)
    candidates = population(case, mirrored=mirrored)
    expected = by_hand(case, candidates, seed=5)
    assert expected.std() > 1e-3
    found = in_way(case, candidates, way, seed=5).float()
    torch.testing.assert_close(found, expected, rtol=case.tolerance, atol=case.tolerance)


@pytest.mark.parametrize("build", [*CASES, Refuses, InPlace])
@pytest.mark.parametrize("P", [1, 2, 7, 8])
def test_whatever_is_chosen_gives_the_losses_of_the_plain_loop(build: Callable[[], Any], P: int) -> None:
    found = made(build)
    case = found if isinstance(found, Case) else Case(found, points())
    candidates = population(case, P)
    expected = by_hand(case, candidates, seed=3)
    losses = losses_of(case.closure, case.weights, candidates, seed=3)
    torch.testing.assert_close(losses, expected, rtol=case.tolerance, atol=case.tolerance)


@pytest.mark.parametrize("build", [Refuses, InPlace])
def test_a_module_that_vmap_refuses_is_evaluated_by_the_loop(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    case = Case(build(), points())
    with torch.no_grad(), left_as_it_was(case.weights) as ran:
        times = fastest(ran_once(case, ran), case.weights, population(case), 0, ran)
    assert list(times) == [Way()]


def test_a_way_that_gives_other_losses_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    case = made(mlp)
    right = all_ways.batched
    monkeypatch.setattr(all_ways, "batched", lambda *args, **kwargs: right(*args, **kwargs) * 1.01)
    monkeypatch.setattr(all_ways, "GAIN", 0.0)  # anything but the loop, if there is anything
    assert torch.equal(losses_of(case.closure, case.weights, population(case)), by_hand(case, population(case)))


def test_what_takes_a_moment_is_evaluated_by_the_loop_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    case = made(mlp)
    monkeypatch.setattr(all_ways, "SHORT", 10.0)
    monkeypatch.setattr(all_ways, "GAIN", 0.0)
    found: dict[str, Any] = {}
    losses_of(case.closure, case.weights, population(case), ways=found)
    assert [way[0] for way in found.values()] == ["loop"]


def test_a_way_that_is_far_behind_is_timed_twice_and_others_four_times() -> None:
    calls = list[int]()

    def evaluate(candidates: Tensor) -> Tensor:
        calls.append(0)
        return torch.zeros(len(candidates), 2)

    for far, expected in ((-1.0, 2), (1e9, 4)):
        calls.clear()
        all_ways.timed(evaluate, torch.zeros(4, 3), far)
        assert len(calls) == expected


def test_where_four_images_at_once_are_slow_more_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    case, right = made(cnn), all_ways.timed
    tried = list[int]()

    def timed(evaluate: Any, candidates: Tensor, far: float) -> tuple[Tensor, float]:
        tried.append(len(candidates))
        return right(evaluate, candidates, far)[0], 1.0 if len(tried) < 3 else 2.0

    monkeypatch.setattr(all_ways, "timed", timed)
    with torch.no_grad(), left_as_it_was(case.weights) as ran:
        fastest(ran_once(case, ran), case.weights, population(case, 64), 0, ran)
    assert tried == [4, 4, 4]


def test_losses_that_are_no_numbers_are_so_in_every_way() -> None:
    case = made(mlp)
    candidates = population(case)
    candidates[2] = torch.nan
    for way in (Way(), Way("vmap", 4)):
        losses = in_way(case, candidates, way)
        assert losses.isnan().tolist() == [i == 2 for i in range(8)]


def test_an_ordinary_closure_of_bare_weights_is_evaluated() -> None:
    weights = [torch.zeros(3, requires_grad=True)]
    candidates = torch.tensor([[0.0, 1, 2], [1, 1, 1]])
    losses = losses_of(lambda: (weights[0] ** 2).sum(), weights, candidates)
    assert losses.tolist() == [5.0, 3.0]
    assert weights[0].tolist() == [0, 0, 0]


# ----------------------------------------------------------------------------------------------------------------------
# What is left as it was


@pytest.mark.parametrize("build", [mlp_norm_dropout, cnn])
def test_candidates_move_no_buffer_no_weight_and_no_random_number(build: Callable[[], Case]) -> None:
    case = made(build)
    case.closure()
    before = {name: x.clone() for name, x in case.model.state_dict().items()}
    numbers = torch.get_rng_state()
    for way in (Way(), Way("images last"), Way("vmap", 4)):
        in_way(case, population(case), way)
    losses_of(case.closure, case.weights, population(case))
    assert torch.equal(torch.get_rng_state(), numbers)
    for name, x in case.model.state_dict().items():
        assert torch.equal(x, before[name]), name


def test_everything_is_left_as_it_was_by_a_closure_that_fails_half_way() -> None:
    case = made(mlp_norm_dropout)
    before, calls = {name: x.clone() for name, x in case.model.state_dict().items()}, []

    def closure() -> Any:
        calls.append(1)
        if len(calls) > 2:
            raise RuntimeError("enough")
        return case.closure()

    with pytest.raises(RuntimeError, match="enough"):
        losses_of(closure, case.weights, population(case))
    assert all(torch.equal(x, before[name]) for name, x in case.model.state_dict().items())


@pytest.mark.parametrize("way", [Way(), Way("images last"), Way("vmap", 3)])
def test_dropout_drops_the_same_for_all_candidates_and_other_things_by_another_seed(way: Way) -> None:
    case = made(mlp_norm_dropout)
    same = vector.read(case.weights).expand(6, -1)
    first, again, other = (in_way(case, same, way, seed) for seed in (1, 1, 2))
    assert torch.allclose(first, first[0])
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


# ----------------------------------------------------------------------------------------------------------------------
# Chunks, and what goes together


def test_a_chunk_takes_no_more_memory_than_there_is_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    case = made(mlp)
    with Seen() as seen:
        case.closure()
    each = seen.bytes + sum(p.nbytes for p in case.weights)
    monkeypatch.setattr(all_ways, "free_memory", lambda: 4 * 10 * each)
    assert max(way.chunk for way in all_ways.possible(1000, seen, case.weights)) == 10
    monkeypatch.setattr(all_ways, "free_memory", lambda: 0)
    assert max(way.chunk for way in all_ways.possible(1000, seen, case.weights)) == 1


@pytest.mark.parametrize("P", [1, 2, 4, 7, 10])
@pytest.mark.parametrize("workers", [1, 2, 3, 20])
def test_shares_are_the_whole_population_and_mirrored_where_it_is(P: int, workers: int) -> None:
    found = list(shares(P, workers))
    assert sorted(row for rows in found for row in rows) == list(range(P))
    assert all(found)
    if P % 2 == 0:
        assert all({(row + P // 2) % P for row in rows} == set(rows) for rows in [*found, some_rows(P, 0, 3)])


def test_a_mirrored_population_is_known_by_its_middle() -> None:
    case = made(mlp)
    mean = middle(population(case))
    assert mean is not None
    assert torch.allclose(mean, vector.read(case.weights), atol=1e-6)
    assert middle(population(case, mirrored=False)) is None


# ----------------------------------------------------------------------------------------------------------------------
# Images


def test_a_population_of_an_odd_number_is_tried_in_chunks_as_one_of_an_even_number_is() -> None:
    case = made(mlp)
    for P in (40, 41):
        with torch.no_grad(), left_as_it_was(case.weights) as ran:
            times = fastest(ran_once(case, ran), case.weights, population(case, P), 0, ran)
        assert [way.chunk for way in times if way.name == "vmap"] == [all_ways.TRIED, P]


def test_writing_into_what_relu_gave_is_left_to_the_loop() -> None:
    torch.manual_seed(0)

    class Writes(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            x = self[0](x).relu()
            x *= 1.5
            return self[2](x.flatten(1))

    case = Case(Writes(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Linear(196, 3)), images())
    with torch.no_grad(), left_as_it_was(case.weights) as ran:
        times = fastest(ran_once(case, ran), case.weights, population(case), 0, ran)
    assert Way("images last") not in times
    assert Way() in times


@pytest.mark.parametrize("H", [2, 5, 8])
@pytest.mark.parametrize("last", [True, False])
def test_pooling_in_pairs_is_max_pool2d(H: int, last: bool) -> None:
    maps = torch.randn(3, 4, H, 7)
    maps = channels_last(maps) if last else maps
    assert torch.equal(pooled_in_pairs(maps), F.max_pool2d(maps, 2))


@pytest.mark.parametrize("H", [2, 5, 8])
def test_means_of_pairs_and_tanh_are_torchs_by_way_of_sums_and_the_sigmoid(H: int) -> None:
    class Calls(TorchFunctionMode):
        seen: ClassVar = set[Any]()

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.seen.add(func)
            return func(*args, **(kwargs or {}))

    maps = 3 * torch.randn(3, 4, H, 7)
    with Calls(), ImagesLast():
        found = F.avg_pool2d(torch.tanh(maps), 2), F.tanh(maps.double())
    assert not Calls.seen & {F.avg_pool2d, F.tanh, torch.tanh}
    torch.testing.assert_close(found[0], F.avg_pool2d(torch.tanh(maps), 2), rtol=0, atol=5e-7)
    torch.testing.assert_close(found[1], torch.tanh(maps.double()), rtol=0, atol=1e-15)


def test_pooling_of_anything_but_pairs_is_torchs() -> None:
    assert pools_pairs(2)
    assert pools_pairs((2, 2), stride=2)
    assert pools_pairs([2, 2], None, 0)
    for other in ((3,), (2, 1), (2, 2, 1), (2, 2, 0, 2), (2, 2, 0, 1, True), (2, 2, 0, 1, False, True)):
        assert not pools_pairs(*other)


# ----------------------------------------------------------------------------------------------------------------------
# In fit


def test_a_training_in_parts_is_the_training_of_the_whole() -> None:
    case = made(mlp)

    def trained(accumulate: int) -> Tensor:
        torch.manual_seed(0)
        model = mlp().model
        optimizer = OpenAIES(model.parameters(), population=8, seed=1)
        fit(model, lambda step: case.batch, cross_entropy, optimizer, steps=3, accumulate=accumulate)
        return vector.read(list(model.parameters()))

    assert torch.allclose(trained(1), trained(3), atol=1e-6)


def test_ranks_with_different_numbers_of_targets_add_up_to_the_whole() -> None:
    case = made(gpt)
    targets = case.batch[1].clone()
    targets[0, 2:] = -1
    inputs, candidates = case.batch[0], population(case)
    told: list[Tensor] = []

    class Place(Ranks):
        def sum(self, sums: Tensor) -> Tensor:
            told.append(sums)
            return torch.stack(told).sum(0)

    def of_rank(part: slice) -> Tensor:
        closure = Gradient(
            case.model,
            next_token_loss,
            torch.optim.SGD(case.weights),
            (inputs[part], targets[part]),
            accumulate=1,
            clip=None,
            autocast=None,
            place=Place(world=2),
        )
        return losses_of(closure, case.weights, candidates)

    of_rank(slice(0, 1))
    whole = Case(case.model, (inputs, targets), next_token_loss)
    torch.testing.assert_close(of_rank(slice(1, None)), by_hand(whole, candidates), rtol=1e-5, atol=1e-5)


def test_a_training_that_goes_on_evaluates_as_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    case = made(mlp)

    def begun() -> tuple[nn.Module, OpenAIES]:
        torch.manual_seed(0)
        model = mlp().model
        return model, OpenAIES(model.parameters(), population=8, seed=1)

    model, optimizer = begun()
    for _ in range(2):
        optimizer.step(lambda: cross_entropy(model, case.batch))
    (way,) = optimizer.memory["ways"].values()
    other, resumed = begun()
    other.load_state_dict(model.state_dict())
    resumed.load_state_dict(optimizer.state_dict())
    monkeypatch.setattr(evaluate, "CHOSEN", {})
    monkeypatch.setattr(evaluate, "chosen", lambda *args: pytest.fail("measured again"))
    resumed.step(lambda: cross_entropy(other, case.batch))
    optimizer.step(lambda: cross_entropy(model, case.batch))
    assert list(resumed.memory["ways"].values()) == [way]
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q)
