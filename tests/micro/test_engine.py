"""The scalar engine: right gradients, PyTorch's accumulation, any depth, no leaks, clear refusals."""

import gc
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glassworks.micro.engine import Value

FUNCTIONS = ["relu", "abs", "exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid"]
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "max": lambda a, b: a.max(b) if isinstance(a, Value) else torch.maximum(a, b),
    "min": lambda a, b: a.min(b) if isinstance(a, Value) else torch.minimum(a, b),
}


# ----------------------------------------------------------------------------------------------------------------------
# Gradients


def both(f: Callable[..., Any], *numbers: float) -> tuple[float, list[float], float, list[float]]:
    """Value and gradients of `f` by this engine and by torch in double precision."""
    values = [Value(x) for x in numbers]
    y = f(*values)
    y.backward()
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers]
    z = f(*tensors)
    z.backward()
    return y.data, [v.grad for v in values], z.item(), [t.grad.item() for t in tensors]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("x", [-2.5, -0.3, 0.0, 0.7, 3.0])
def test_functions_have_torchs_values_and_gradients(name: str, x: float) -> None:
    if name in ("log", "sqrt"):
        x = abs(x) + 0.5
    ours, (by_x,), theirs, (expected,) = both(lambda a: getattr(a, name)(), x)
    assert ours == pytest.approx(theirs, rel=1e-14, abs=1e-300)
    assert by_x == pytest.approx(expected, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize(("a", "b"), [(2.0, 3.0), (0.5, -1.5), (1.25, 1.25)])
def test_operators_have_torchs_values_and_gradients(name: str, a: float, b: float) -> None:
    ours, grads, theirs, expected = both(OPERATORS[name], a, b)
    assert ours == pytest.approx(theirs, rel=1e-14)
    assert grads == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("exponent", [-3, -0.5, 0, 0.5, 1, 2, 7])
def test_plain_exponents_have_torchs_values_and_gradients(exponent: float) -> None:
    ours, grads, theirs, expected = both(lambda a: a**exponent, 1.7)
    assert ours == pytest.approx(theirs, rel=1e-14)
    assert grads == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("exponent", [0.25, 0.5, 1, 1.5, 2, 0])
def test_powers_of_zero_have_torchs_values_and_gradients_infinite_ones_too(exponent: float) -> None:
    ours, grads, theirs, expected = both(lambda a: a**exponent, 0.0)
    assert (ours, grads) == (theirs, expected)


@pytest.mark.parametrize(("base", "exponent"), [(-1e-160, -1), (1e-160, -1), (-1e-110, -2), (5e-324, 0.001)])
def test_a_power_whose_derivative_alone_is_too_large_is_computed(base: float, exponent: float) -> None:
    ours, grads, theirs, expected = both(lambda a: a**exponent, base)
    assert ours == pytest.approx(theirs, rel=1e-14)
    assert grads == expected
    assert math.isinf(grads[0])


@pytest.mark.parametrize("name", ["+", "-", "*", "/", "**"])
def test_plain_numbers_may_stand_on_the_left(name: str) -> None:
    _, grads, theirs, expected = both(lambda a: OPERATORS[name](3.0, a), 0.4)
    for three in (3, 3.0, np.float64(3), np.int64(3), np.float32(3)):
        a = Value(0.4)
        y = OPERATORS[name](three, a)
        assert isinstance(y, Value)
        y.backward()
        assert (y.data, a.grad) == (pytest.approx(theirs, rel=1e-14), grads[0])
    assert grads == pytest.approx(expected, rel=1e-14)


def test_no_number_is_hidden_by_max_or_min() -> None:
    for a, b in ((math.nan, 1.0), (1.0, math.nan)):
        assert math.isnan(Value(a).max(b).data)
        assert math.isnan(Value(a).min(b).data)


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[float], list[tuple[str, int, int]]]:
    """Leaves, and operations that each read two earlier results."""
    leaves = draw(st.lists(st.floats(0.25, 2), min_size=1, max_size=4))
    names = [*OPERATORS, *FUNCTIONS]
    count = draw(st.integers(1, 25))
    steps = []
    for k in range(count):
        earlier = st.integers(0, len(leaves) + k - 1)
        steps.append((draw(st.sampled_from(names)), draw(earlier), draw(earlier)))
    return leaves, steps


def evaluate(leaves: list[Any], steps: list[tuple[str, int, int]]) -> Any:
    """Run a program on values or tensors; every intermediate is brought back to where all operations are defined."""
    stack = list(leaves)
    for name, i, j in steps:
        a, b = stack[i], stack[j]
        result = OPERATORS[name](a, b) if name in OPERATORS else getattr(a, name)()
        stack.append(result.tanh() * 0.5 + 1)
    total = stack[-1]
    for x in stack[:-1]:
        total = total + x
    return total


@given(programs())
@settings(max_examples=200, deadline=None)
def test_random_graphs_have_torchs_gradients(program: tuple[list[float], list[tuple[str, int, int]]]) -> None:
    leaves, steps = program
    ours, grads, theirs, expected = both(lambda *xs: evaluate(list(xs), steps), *leaves)
    assert ours == pytest.approx(theirs, rel=1e-12)
    assert grads == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_micrograds_own_example() -> None:
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert f"{g.data:.4f} {a.grad:.4f} {b.grad:.4f}" == "24.7041 138.8338 645.5773"


# ----------------------------------------------------------------------------------------------------------------------
# What backward means


def test_calling_backward_twice_doubles_the_leaves_as_in_pytorch() -> None:
    a, b = Value(3.0), Value(-2.0)
    t = torch.tensor([3.0, -2.0], dtype=torch.float64, requires_grad=True)
    c = (a * b + a) * a
    z = (t[0] * t[1] + t[0]) * t[0]
    for _ in range(3):
        c.backward()
        z.backward(retain_graph=True)
    assert [a.grad, b.grad] == t.grad.tolist()
    assert c.grad == 1.0  # what is no leaf holds the last call's


def test_two_results_that_share_a_part_add_up_in_its_leaves() -> None:
    a = Value(2.0)
    shared = a * a
    first, second = shared + 1, shared * 3
    first.backward()
    second.backward()
    assert a.grad == 4.0 + 12.0


def test_zero_grad_reaches_the_whole_graph() -> None:
    a, b = Value(1.5), Value(2.0)
    c = (a * b).exp()
    c.backward()
    assert all(v.grad for v in Value.topological(c))
    c.zero_grad()
    assert not any(v.grad for v in Value.topological(c))


def test_a_leaf_is_its_own_derivative() -> None:
    a = Value(7)
    a.backward()
    assert a.grad == 1.0


def test_a_value_used_in_two_depths_waits_for_both() -> None:
    a = Value(3.0)
    b = a + a
    c = b + b
    d = c * b  # b is read by c and by d
    d.backward()
    assert (b.grad, a.grad) == (2 * b.data + c.data, 2 * (2 * b.data + c.data))


@given(programs())
@settings(max_examples=50, deadline=None)
def test_the_order_is_topological(program: tuple[list[float], list[tuple[str, int, int]]]) -> None:
    leaves, steps = program
    order = Value.topological(evaluate([Value(x) for x in leaves], steps))
    place = {v: i for i, v in enumerate(order)}
    assert len(place) == len(order)
    assert all(place[child] < place[v] for v in order for child in v._prev)


# ----------------------------------------------------------------------------------------------------------------------
# Size and memory


def test_a_graph_a_million_deep_neither_overflows_nor_leaks() -> None:
    """In a process of its own, with the garbage collector off: what remains alive is counted at the end."""
    code = """
import gc
gc.disable()
from glassworks.micro.engine import Value
x = Value(1.0)
y = x
for _ in range(10**6):
    y = y + x
y.backward()
assert x.grad == 1e6 + 1, x.grad
y.zero_grad()
y = None
alive = sum(type(o) is Value for o in gc.get_objects())
assert alive == 1, alive
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr


def test_a_graph_is_freed_without_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        a = Value(0.5)
        loss = sum(((a * i).tanh() ** 2 for i in range(50)), Value(0))
        loss.backward()
        alive = sum(type(o) is Value for o in gc.get_objects())
        assert alive > 150
        del loss
        assert sum(type(o) is Value for o in gc.get_objects()) <= alive - 150
    finally:
        gc.enable()


def test_the_core_file_is_short() -> None:
    source = sys.modules[Value.__module__].__file__
    assert source is not None
    with Path(source).open(encoding="utf-8") as file:
        assert sum(1 for _ in file) < 200


def test_the_room_imports_nothing_heavy() -> None:
    code = (
        "import sys, glassworks.micro, glassworks.micro.engine, glassworks.micro.nn, glassworks.micro.compiler\n"
        "import glassworks.micro.bpe, glassworks.micro.graph, glassworks.micro.step, glassworks.micro.moons\n"
        "print([m for m in ('torch', 'numpy', 'numba', 'regex', 'tyro', 'rich') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


# ----------------------------------------------------------------------------------------------------------------------
# Refusals


@pytest.mark.parametrize(
    ("f", "error", "says"),
    [
        (lambda: 1 / Value(0), ZeroDivisionError, r"1.0 is divided by 0.0$"),
        (lambda: Value(2, "w").log() * Value(-2, "w").log(), ValueError, "^log of -2.0 is no finite real number$"),
        (lambda: Value(0).log(), ValueError, "log of 0.0 is"),
        (lambda: Value(-1).sqrt(), ValueError, "sqrt of -1.0 is"),
        (lambda: Value(1000).exp(), OverflowError, "exp of 1000.0 is"),
        (lambda: Value(-8) ** 0.5, ValueError, "-8.0 ** 0.5"),
        (lambda: Value(0) ** -1, ValueError, "0.0 ** -1.0"),
        (lambda: Value(-2) ** Value(2), ValueError, "positive base"),
        (lambda: Value("3"), TypeError, "one number, not '3'"),
        (lambda: Value([1]), TypeError, "one number, not"),
        (lambda: Value(Value(1)), TypeError, "one number, not"),
        (lambda: Value(None), TypeError, "NoneType"),
        (lambda: Value(np.complex128(1 + 2j)), TypeError, "one number, not"),
        (lambda: Value(1) + "a", TypeError, "'a'"),
    ],
)
def test_what_has_no_answer_is_refused_with_its_number(f: Callable[[], Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says.replace("(", r"\(").replace("**", r"\*\*")):
        f()


def test_values_compare_by_data_and_are_equal_only_to_themselves() -> None:
    a, b = Value(1.0), Value(2.0)
    assert a < b
    assert a <= 1
    assert b > 1.5
    assert b >= a

    assert a != Value(1.0)
    assert a == a
    assert max([a, b]) is b


def test_what_is_infinite_or_no_number_stays_so() -> None:
    assert math.isinf((Value(math.inf) + 1).data)
    assert math.isnan((Value(math.nan) * 0).relu().data)
    assert Value(800).sigmoid().data == 1.0
    assert Value(-800).sigmoid().data == 0.0
    assert Value(-40).sigmoid().data == pytest.approx(math.exp(-40))
