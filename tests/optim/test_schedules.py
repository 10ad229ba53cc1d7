import pytest
import torch

from glassworks.optim.config import ScheduleConfig
from glassworks.optim.schedules import constant, make_schedule, set_lr

CONFIGS = [
    ScheduleConfig("wsd", warmup=10, decay=0.5, final=0.1),
    ScheduleConfig("wsd", decay=1.0, final=0.0),
    ScheduleConfig("wsd", decay=0.0),
    ScheduleConfig("cosine", warmup=10, final=0.1),
    ScheduleConfig("constant", warmup=10),
]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("steps", [1, 7, 100])
def test_every_factor_is_positive_and_at_most_1(config: ScheduleConfig, steps: int) -> None:
    schedule = make_schedule(config)
    factors = [schedule(step, steps) for step in range(steps)]
    assert all(0 < factor <= 1 for factor in factors)


@pytest.mark.parametrize("config", CONFIGS)
def test_it_rises_through_the_warmup_and_never_again(config: ScheduleConfig) -> None:
    schedule = make_schedule(config)
    factors = [schedule(step, 100) for step in range(100)]
    rising, rest = factors[: config.warmup + 1], factors[config.warmup :]
    assert rising == sorted(rising)
    assert rest == sorted(rest, reverse=True)


def test_a_warm_up_takes_no_more_than_half_of_a_short_run() -> None:
    schedule = make_schedule(ScheduleConfig("constant", warmup=50))
    assert [schedule(step, 8) for step in range(8)] == [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]


def test_wsd_is_flat_then_a_straight_line_that_ends_on_final() -> None:
    schedule = make_schedule(ScheduleConfig("wsd", decay=0.5, final=0.2))
    assert [schedule(step, 8) for step in range(9)] == pytest.approx([1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])


def test_cosine_is_torchs() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20, eta_min=0.1)
    schedule = make_schedule(ScheduleConfig("cosine", final=0.1))
    for step in range(20):
        assert schedule(step, 20) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        reference.step()


def test_constant_is_one() -> None:
    assert constant(0, 10) == constant(9, 10) == 1


def test_set_lr_is_relative_to_the_first_rate_however_often_it_is_called() -> None:
    a, b = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([{"params": [a], "lr": 1.0}, {"params": [b], "lr": 0.1}])
    for factor in (0.5, 0.25, 1.0, 0.5):
        set_lr(optimizer, factor)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.05]


@pytest.mark.parametrize(
    ("values", "field"),
    [({"warmup": -1}, "warmup"), ({"decay": 1.5}, "decay"), ({"final": -0.1}, "final")],
)
def test_a_wrong_field_is_named(values: dict[str, object], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        ScheduleConfig(**values)  # type: ignore[arg-type]
