"""A compiled function gives the engine's numbers, bit for bit, and refuses what it could not repeat."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassworks.micro import MLP
from glassworks.micro.compiler import compile
from glassworks.micro.engine import Value

FUNCTIONS = ["relu", "abs", "exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid"]
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "**n": lambda a, b: a**3 + b**-0.5,
    "neg": lambda a, b: -a + 2 / b,
    "max": lambda a, b: a.max(b),
    "min": lambda a, b: a.min(b),
}


@st.composite
def programs(draw: st.DrawFn) -> tuple[int, list[tuple[str, int, int]]]:
    """A number of leaves, and operations that each read two earlier results."""
    leaves = draw(st.integers(1, 4))
    names = st.sampled_from([*OPERATORS, *FUNCTIONS])
    count = draw(st.integers(1, 30))
    return leaves, [
        (draw(names), draw(st.integers(0, leaves + k - 1)), draw(st.integers(0, leaves + k - 1))) for k in range(count)
    ]


def evaluate(leaves: list[Any], steps: list[tuple[str, int, int]]) -> list[Any]:
    """The last two results; each intermediate is brought back to where all operations are defined."""
    stack = list(leaves)
    for name, i, j in steps:
        a, b = stack[i], stack[j]
        result = OPERATORS[name](a, b) if name in OPERATORS else getattr(a, name)()
        stack.append(result.tanh() * 0.5 + 1)
    return stack[-2:]


@given(programs(), st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_replay_equals_the_engine_bit_for_bit(program: tuple[int, list[tuple[str, int, int]]], seed: int) -> None:
    count, steps = program
    rng = random.Random(seed)
    w = Value(rng.uniform(0.25, 2))
    f = compile(lambda *xs: evaluate([*xs, w], steps)[-1])
    gathered = 0.0  # gradients by w add up from call to call
    for _ in range(3):  # traced at the first, replayed with other numbers at the others
        numbers = [rng.uniform(0.25, 2) for _ in range(count)]
        w.data, w.grad = rng.uniform(0.25, 2), gathered
        leaves = [Value(x) for x in numbers]
        y = evaluate([*leaves, w], steps)[-1]
        y.backward()
        by_w, w.grad = w.grad, gathered
        assert f(*numbers) == y.data
        value, by_inputs = f.backward(*numbers)
        assert (value, by_inputs, w.grad) == (y.data, [x.grad for x in leaves], by_w)
        gathered = w.grad


@given(programs(), st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_a_batch_equals_its_rows(program: tuple[int, list[tuple[str, int, int]]], seed: int) -> None:
    count, steps = program
    rng = np.random.default_rng(seed)
    w = Value(rng.uniform(0.25, 2))
    f = compile(lambda *xs: evaluate([*xs, w], steps))
    rows = rng.uniform(0.25, 2, (count, 5))
    outputs = f(*rows, batch=True)
    assert [[float(x) for x in column] for column in outputs] == [
        list(column) for column in zip(*(f(*row) for row in rows.T.tolist()), strict=True)
    ]
    single = [f.backward(*row)[1] for row in rows.T.tolist()]
    one_by_one, w.grad = w.grad, 0.0
    _, by_inputs = f.backward(*rows, batch=True)
    assert np.array_equal(np.array(by_inputs).T, np.array(single))
    assert w.grad == one_by_one


def test_a_perceptron_trains_alike_in_both() -> None:
    random.seed(3)
    net = MLP(2, [5, 5, 1])
    rng = random.Random(4)
    X = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(12)]
    y = [1.0 if a * b > 0 else -1.0 for a, b in X]
    params = net.parameters()

    def loss() -> Value:
        scores = [net(row) for row in X]
        return sum(((1 - yi * s).relu() for yi, s in zip(y, scores, strict=True)), Value(0)) * (
            1 / len(X)
        ) + 1e-4 * sum((p * p for p in params), Value(0))

    start = [p.data for p in params]

    def train(step: Callable[[], float]) -> list[float]:
        for p, x in zip(params, start, strict=True):
            p.data = x
        losses = []
        for _ in range(20):
            net.zero_grad()
            losses.append(step())
            for p in params:
                p.data -= 0.1 * p.grad
        return losses

    def eager() -> float:
        total = loss()
        total.backward()
        return total.data

    fast = compile(loss)
    losses = train(eager)
    assert train(lambda: fast.backward()[0]) == losses
    assert losses[-1] < 0.8 * losses[0]


def test_the_function_runs_once_for_each_shape_of_its_inputs() -> None:
    calls = []

    def total(xs: list[Value]) -> Value:
        calls.append(len(xs))
        return sum((x * x for x in xs), Value(0))

    f = compile(total)
    assert [f([1.0, 2.0]), f([3.0, 4.0]), f((1.0, 1.0, 1.0)), f(np.ones(2))] == [5.0, 25.0, 3.0, 2.0]
    assert calls == [2, 3]


def test_gradients_of_inputs_have_their_shape() -> None:
    f = compile(lambda X, b: sum((x * x for row in X for x in row), b))
    X = np.arange(6.0).reshape(2, 3)
    value, (by_X, by_b) = f.backward(X, 1.0)
    assert value == 56.0
    assert np.array_equal(by_X, 2 * X)
    assert by_b == 1.0
    value, (by_X, by_b) = f.backward(np.stack([X, -X]), [1.0, 2.0], batch=True)
    assert np.array_equal(by_X, 2 * np.stack([X, -X]))
    assert by_b.tolist() == [1.0, 1.0]


def test_outputs_keep_their_nesting() -> None:
    f = compile(lambda a, b: [a + b, (a * b, [a - b])])
    assert f(3, 2) == [5.0, [6.0, [1.0]]]
    first, (second, (third,)) = f([3, 4], [2, 2], batch=True)
    assert [first.tolist(), second.tolist(), third.tolist()] == [[5.0, 6.0], [6.0, 8.0], [1.0, 2.0]]


def test_weights_are_read_anew_and_their_gradients_add_up() -> None:
    w = Value(2.0)
    f = compile(lambda x: w * x)
    assert f(3) == 6.0
    w.data = 5.0
    assert f(3) == 15.0
    f.backward(3)
    f.backward(4)
    assert w.grad == 7.0


def test_an_output_may_be_an_input_a_weight_or_a_constant() -> None:
    w = Value(2.0)
    f = compile(lambda x: [x, w, Value(7), x])
    assert f(3) == [3.0, 2.0, 7.0, 3.0]
    assert f.backward(3) == ([3.0, 2.0, 7.0, 3.0], [2.0])
    assert w.grad == 1.0


SPECIAL = [
    -2.5,
    -1.0,
    -0.0,
    0.0,
    0.5,
    1.0,
    3.0,
    710.0,
    -745.5,
    1e-320,
    1e200,
    float("inf"),
    float("-inf"),
    float("nan"),
]


@pytest.mark.parametrize("name", [*OPERATORS, *FUNCTIONS])
def test_special_numbers_give_the_engines_answer_or_its_refusal(name: str) -> None:
    def f(a: Any, b: Any) -> Any:
        return OPERATORS[name](a, b) if name in OPERATORS else getattr(a, name)()

    fast = compile(f)
    for x in SPECIAL:
        for y in SPECIAL:
            a, b = Value(x), Value(y)
            try:
                z = f(a, b)
            except (ArithmeticError, ValueError) as error:
                with pytest.raises(type(error)):
                    fast(x, y)
                continue
            z.backward()
            ours, grads = fast.backward(x, y)
            assert np.array_equal([ours, *grads], [z.data, a.grad, b.grad], equal_nan=True), (x, y)


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda x, y: 1 / (x - y), (3.0, 2.0)),
        (lambda x: x.log().log(), (20.0,)),
        (lambda x: (x - 2) ** 0.5, (3.0,)),
        (lambda x: 1 / x.max(0), (3.0,)),
        (lambda x: 1 / (0 - x.min(0)), (-3.0,)),
        (lambda x: (1000 * x).exp(), (0.001,)),
    ],
)
def test_a_function_that_is_not_defined_everywhere_is_traced(f: Callable[..., Any], inputs: tuple[float, ...]) -> None:
    assert compile(f)(*inputs) == f(*map(Value, inputs)).data


@pytest.mark.parametrize("exponent", [0.001, 0.5, 1.5, -1, -2, 0])
def test_replay_gives_the_engines_infinite_slopes_of_powers(exponent: float) -> None:
    fast = compile(lambda x: 3 * x**exponent)
    fast(2.0)
    for base in (0.0, -0.0, 5e-324, 1e-160, -1e-160, -1e-110):
        x = Value(base)
        try:
            y = 3 * x**exponent
        except (ArithmeticError, ValueError) as error:
            with pytest.raises(type(error)):
                fast(base)
            continue
        y.backward()
        value, (slope,) = fast.backward(base)
        assert (value.hex(), slope.hex()) == (y.data.hex(), x.grad.hex())


def test_compiled_functions_compose() -> None:
    w = Value(3.0)
    square = compile(lambda x: w * x * x)
    square(2.0)
    whole = compile(lambda x: x + square(x + 1))
    assert whole(2.0) == 29.0
    w.data = 1.0
    assert whole(2.0) == 11.0
    whole.backward(2.0)
    assert w.grad == 9.0


def test_threads_may_trace_at_once_and_others_go_on() -> None:
    def slow(x: Value) -> Value:
        time.sleep(0.05)
        return x * 2

    def work() -> bool:
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            v = Value(1.0) + 1
            assert v > 1
            assert v.data == 2.0
        return True

    with ThreadPoolExecutor(4) as pool:
        other = pool.submit(work)
        traced = [pool.submit(compile(slow), 1.0) for _ in range(3)]
        assert [t.result() for t in traced] == [2.0] * 3
        assert other.result()
    assert Value(2.0).data == 2.0
    assert type(Value.__dict__["data"]).__name__ == "member_descriptor"


# ----------------------------------------------------------------------------------------------------------------------
# Refusals


def branches(x: Value) -> Value:
    if x > 0:  # the line to be named
        return x
    return -x


def reads(x: Value) -> Value:
    return x * 2 if x.data > 1 else x  # the line to be named


def picks(x: Value) -> Value:
    return max(x, x * x)  # the line to be named


def writes(x: Value) -> Value:
    x.data = 3.0  # the line to be named
    return x


def differentiates(x: Value) -> Value:
    (x * x).backward()  # the line to be named
    return x


def reads_a_gradient(x: Value) -> Value:
    return x * W.grad  # the line to be named


W = Value(1.0)


def looks_at_a_weight(x: Value) -> Value:
    return x if W.data > 0 else -x  # the line to be named


@pytest.mark.parametrize("f", [branches, reads, picks, writes, looks_at_a_weight, differentiates, reads_a_gradient])
def test_what_depends_on_numbers_is_refused_with_its_line(f: Callable[[Value], Value]) -> None:
    with pytest.raises(ValueError, match=r"test_compiler\.py, line \d+: `.*the line to be named` .* a value"):
        compile(f)(1.0)
    assert f(Value(1.0)) is not None  # and the engine itself is as it was
    assert Value(1.0).data == 1.0


def test_an_error_inside_leaves_the_engine_as_it_was() -> None:
    def broken(x: Value) -> Value:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        compile(broken)(1.0)
    assert Value(2.0) > 1
    assert type(Value.__dict__["data"]).__name__ == "member_descriptor"


@pytest.mark.parametrize(
    ("f", "good", "bad", "error", "says"),
    [
        (lambda x: 1 / x, 2.0, 0.0, ZeroDivisionError, "divided by"),
        (lambda x: x.log(), 2.0, -1.0, ValueError, "log of"),
        (lambda x: x.sqrt(), 2.0, -1.0, ValueError, "sqrt of"),
        (lambda x: x.exp(), 2.0, 1e4, OverflowError, "exp of"),
        (lambda x: x**0.5, 2.0, -1.0, ValueError, "-1.0 .. 0.5"),
        (lambda x: x**-2, 2.0, 0.0, ValueError, "0.0 .. -2.0"),
        (lambda x: x**x, 2.0, -1.0, ValueError, "positive base"),
        (lambda x: x.sin(), 2.0, np.inf, ValueError, "sin of"),
    ],
)
def test_what_the_engine_refuses_replay_refuses_in_the_same_words(
    f: Callable[[Any], Any], good: float, bad: float, error: type[Exception], says: str
) -> None:
    g = compile(f)
    assert g(good) == f(Value(good)).data
    with pytest.raises(error, match=says):
        f(Value(bad))
    with pytest.raises(error, match=rf"{says}.*in operation \d+ of the compiled function$"):
        g(bad)
    with pytest.raises(error, match="row 1 of the batch"):
        g([good, bad], batch=True)
    assert g(good) == f(Value(good)).data


@pytest.mark.parametrize(
    ("inputs", "batch", "says"),
    [
        (("3",), False, "an input"),
        (([[1.0, 2.0], [3.0]],), False, "equal lengths"),
        ((None,), False, "an input"),
        ((1.0,), True, "as many rows"),
    ],
)
def test_inputs_that_are_no_numbers_are_refused(inputs: tuple[Any, ...], batch: bool, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        compile(lambda x: x)(*inputs, batch=batch)


def test_batches_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2,\), \(3,\)"):
        compile(lambda x, y: x + y)([1, 2], [1, 2, 3], batch=True)


def test_an_empty_batch_has_empty_outputs() -> None:
    assert compile(lambda x: x * x)([], batch=True).shape == (0,)


def test_what_returns_no_value_is_refused() -> None:
    with pytest.raises(ValueError, match="must return values, not 3.0"):
        compile(lambda x: 3.0)(1.0)


def test_a_program_is_as_large_as_the_graph() -> None:
    w = Value(1.0)
    f = compile(lambda x: ((w * x) ** 2 + 1).tanh())
    f(1.0)
    (tape,) = f.tapes.values()
    y = ((w * Value(1.0)) ** 2 + 1).tanh()
    assert len(tape.ops) == sum(1 for v in Value.topological(y) if v._prev)
