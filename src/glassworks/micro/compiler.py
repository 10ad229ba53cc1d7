"""Run a scalar program once in Python, then as often as you like at machine speed.

`compile(f)` gives a function that, at its first call, calls `f` with fresh values in place of the inputs and keeps the
graph that comes out: a straight line of operations. Later calls replay that line over flat arrays (`replay`), with
other inputs, other weights, or a whole batch of inputs, and never run `f` again. Results and gradients are those of the
engine, bit for bit.

What stays the same from call to call is what `f` does, so it may not look at numbers to decide what to do: reading
`.data` or comparing values inside of `f` is refused, with the line that does it. Plain numbers that `f` takes from
elsewhere, random ones too, are constants of the program, and so are values that it makes itself. Values from elsewhere
are its weights, read anew at every call; they must exist before the first. What was computed from them outside is
computed anew.
"""

import functools
import math
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from glassworks.micro import engine
from glassworks.micro.engine import Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

ADVICE = "A compiled function runs once for all inputs: use relu, abs, max or min, or decide outside of it"


class Tape(NamedTuple):
    """A traced program as flat arrays: its inputs, weights and constants, then its operations."""

    weights: list[Value]
    num_inputs: int
    shape_of_output: Any
    ops: "NDArray[Any]"
    left: "NDArray[Any]"
    right: "NDArray[Any]"
    outputs: "NDArray[Any]"
    data: "NDArray[Any]"
    grad: "NDArray[Any]"


class Compiled:
    """A function of numbers, made by `compile`. It is not safe to call one from two threads at once."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.tapes: dict[Any, Tape] = {}

    def __call__(self, *inputs: Any, batch: bool = False) -> Any:
        """What the function returns for these inputs, as plain floats.

        Inputs are numbers or nested sequences of them. With `batch`, every input is a sequence of B such, and so is
        every output, a NumPy array. Inputs of another shape are traced anew.
        """
        if tracer == threading.get_ident() and not batch:
            return self.function(*inputs)  # part of a larger function that is being traced
        return self.replay(inputs, batch, gradients=False)[0]

    def backward(self, *inputs: Any, batch: bool = False) -> tuple[Any, Any]:
        """The outputs, and the gradients of their sum by the inputs, a list with one array for each.

        The gradients by the weights are added to the weights' `grad`, as by `Value.backward`; over a batch they add up.
        """
        return self.replay(inputs, batch, gradients=True)

    def replay(self, inputs: tuple[Any, ...], batch: bool, *, gradients: bool) -> tuple[Any, Any]:
        """Trace the program if inputs of this shape are new; run it."""
        if tracer == threading.get_ident():
            refuse("runs a compiled function backward or over a batch")
        import numpy as np

        from glassworks.micro.replay import run

        arrays = [array_of(x) for x in inputs]
        B = len(arrays[0]) if batch and arrays and arrays[0].ndim else 1
        if batch and {x.shape[:1] for x in arrays} != {(B,)}:
            raise ValueError(f"the inputs of a batch have shapes {[x.shape for x in arrays]}: give each as many rows")
        shapes = tuple(x.shape[batch:] for x in arrays)
        if shapes not in self.tapes:
            self.tapes[shapes] = trace(self.function, shapes)
        tape = self.tapes[shapes]
        rows = np.empty((B, tape.num_inputs))
        for x, (start, stop) in zip(arrays, spans(shapes), strict=True):
            rows[:, start:stop] = x.reshape(B, stop - start)
        n, w = tape.num_inputs, len(tape.weights)
        tape.data[n : n + w] = [p.data for p in tape.weights]
        results, grad = np.empty((B, len(tape.outputs))), tape.grad if gradients else tape.grad[:0]
        grad[n : n + w] = [p.grad for p in tape.weights] if gradients else []  # sums go on in the engine's order
        row, failed = run(tape.ops, tape.left, tape.right, tape.data, grad, rows, tape.outputs, results)
        if failed >= 0:
            explain(tape, row if batch else None, failed)
        if gradients:
            for p, g in zip(tape.weights, grad[n : n + w].tolist(), strict=True):
                p.grad = g
        value = unflatten(tape.shape_of_output, iter(results.T if batch else results[0].tolist()))
        back = [rows[:, a:b].reshape(x.shape) for x, (a, b) in zip(arrays, spans(shapes), strict=True)]
        return value, [float(g) if not g.ndim else g for g in back]


def compile(function: Callable[..., Any]) -> Compiled:
    """A fast version of a function of numbers that returns a `Value`, or nested lists of them.

    >>> w = Value(3.0)
    >>> f = compile(lambda x: (w * x).tanh())
    >>> f([0.1, 0.2, 0.3], batch=True).shape
    (3,)
    >>> output, (by_x,) = f.backward(0.5)  # and w.grad has grown
    """
    return Compiled(function)


# ----------------------------------------------------------------------------------------------------------------------
# Tracing


def trace(function: Callable[..., Any], shapes: tuple[tuple[int, ...], ...]) -> Tape:
    """Call `function` once with values of these shapes, and lay out the graph of what it returns."""
    import numpy as np

    from glassworks.micro.replay import OPS

    with watched() as created:
        inputs: list[Value] = []
        arguments = [fill(shape, inputs) for shape in shapes]
        created.clear()  # from now on, what is made is a constant
        returned = function(*arguments)
        roots: list[Value] = []
        shape_of_output = flatten(returned, roots)
        constants = set(created)
    order = Value.topological(*roots)
    known = {*inputs, *constants}
    leaves = [v for v in order if not v._prev]
    weights = [v for v in leaves if v not in known]
    fixed = [v for v in leaves if v in constants]
    place = {v: i for i, v in enumerate([*inputs, *weights, *fixed])}
    exponents: dict[str, int] = {}
    operations = [v for v in order if v._prev]
    for v in operations:
        if v._op.startswith("**") and v._op != "**":
            exponents.setdefault(v._op, len(place) + len(exponents))
        elif v._op not in OPS:
            raise ValueError(f"compile does not know the operation {v._op!r}: it knows {', '.join(OPS)}")
    num_leaves = len(place) + len(exponents)
    place |= {v: num_leaves + k for k, v in enumerate(operations)}

    codes, left, right = [], [], []
    for v in operations:
        plain = v._op.startswith("**") and v._op != "**"
        codes.append(OPS.index("**n" if plain else v._op))
        left.append(place[v._prev[0]])
        right.append(exponents[v._op] if plain else place[v._prev[-1]])
    data = np.zeros(num_leaves + len(operations))
    start = len(inputs) + len(weights)
    data[start : start + len(fixed)] = [v.data for v in fixed]
    data[start + len(fixed) : num_leaves] = [float(op[2:]) for op in exponents]
    firsts, seconds, outputs = (np.array(x, dtype=np.uint32) for x in (left, right, [place[v] for v in roots]))
    ops = np.array(codes, dtype=np.uint8)
    return Tape(weights, len(inputs), shape_of_output, ops, firsts, seconds, outputs, data, np.zeros_like(data))


TRACING = threading.RLock()
tracer: int | None = None
"""The thread that is tracing now."""


@contextmanager
def watched() -> Iterator[list[Value]]:
    """Refuse, until the end, that this thread looks at numbers of values; list the leaves that it makes.

    Only the engine may look. The class itself is changed meanwhile, so that no value escapes, whoever made it.
    """
    global tracer
    with TRACING:
        names = ["data", "grad", "__init__", "__lt__", "__le__", "__gt__", "__ge__", "backward", "zero_grad"]
        saved: dict[str, Any] = {name: Value.__dict__[name] for name in names}
        created: list[Value] = []

        def free() -> bool:
            """Whether whoever called the function that asks may look."""
            return threading.get_ident() != tracer or sys._getframe(2).f_globals is engine.__dict__

        def watch(slot: Any, name: str) -> property:
            def read(v: Value) -> Any:
                return slot.__get__(v) if free() else refuse(f"reads the {name} of a value")

            def write(v: Value, number: float) -> None:
                slot.__set__(v, number) if free() else refuse(f"changes the {name} of a value")

            return property(read, write)

        def guard(method: Callable[..., Any], action: str) -> Callable[..., Any]:
            return lambda *arguments: method(*arguments) if free() else refuse(action)

        def make(v: Value, *arguments: Any, **options: Any) -> None:
            saved["__init__"](v, *arguments, **options)
            if threading.get_ident() == tracer:
                created.append(v)

        patches: dict[str, Any] = {name: guard(saved[name], "compares a value") for name in names[3:7]}
        patches |= {name: guard(saved[name], f"calls {name} on a value") for name in names[7:]}
        patches |= {"data": watch(saved["data"], "number"), "grad": watch(saved["grad"], "gradient"), "__init__": make}
        try:
            tracer = threading.get_ident()
            for name, new in patches.items():
                setattr(Value, name, new)
            yield created
        finally:
            for name, old in saved.items():
                setattr(Value, name, old)
            tracer = None


def refuse(action: str) -> NoReturn:
    """Say where the traced function does what it may not do."""
    import linecache

    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("glassworks.micro."):
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, line).strip()
    raise ValueError(f"{file}, line {line}{f': `{text}`' if text else ''} {action}. {ADVICE}")


def explain(tape: Tape, row: int | None, k: int) -> None:
    """Raise what the engine raises for operation `k` with its present operands."""
    from glassworks.micro.replay import OPS

    a, b = (Value(tape.data[side[k]]) for side in (tape.left, tape.right))
    op = OPS[tape.ops[k]]
    where = f"in operation {k} of the compiled function" + (f", row {row} of the batch" if row is not None else "")
    try:
        if op == "/":
            a / b
        elif op.startswith("**"):
            a ** (b if op == "**" else b.data)
        else:
            getattr(a, op)()
    except ArithmeticError as error:
        raise type(error)(f"{error}, {where}") from None
    except ValueError as error:
        raise ValueError(f"{error}, {where}") from None
    raise AssertionError(f"the engine accepts what replay refused, {where}")


# ----------------------------------------------------------------------------------------------------------------------
# Shapes


def array_of(x: Any) -> "NDArray[Any]":
    """Numbers or values, nested in sequences of equal length, as an array."""
    import numpy as np

    def plain(y: Any) -> Any:
        return y.data if isinstance(y, Value) else [plain(z) for z in y] if isinstance(y, list | tuple) else y

    try:
        array = np.asarray(x if isinstance(x, np.ndarray) else plain(x))
        if array.dtype.kind in "biufO" and not any(y is None for y in array.flat):
            return array.astype(np.float64)
    except (ValueError, TypeError, RuntimeError):
        pass
    raise ValueError(f"an input (={x!r:.100}) must be a number, or nested sequences of equal lengths")


def spans(shapes: tuple[tuple[int, ...], ...]) -> list[tuple[int, int]]:
    """Where each input's numbers begin and end among all."""
    ends = [0]
    for shape in shapes:
        ends.append(ends[-1] + math.prod(shape))
    return list(pairwise(ends))


def fill(shape: tuple[int, ...], created: list[Value]) -> Any:
    """Nested lists of fresh values, which are also appended to `made`."""
    if shape:
        return [fill(shape[1:], created) for _ in range(shape[0])]
    created.append(Value(math.nan))  # no number that an operation could refuse
    return created[-1]


def flatten(x: Any, values: list[Value]) -> Any:
    """Append the values in nested lists to `values`; the same lists without them, to be filled by `unflatten`."""
    if isinstance(x, list | tuple):
        return [flatten(y, values) for y in x]
    if not isinstance(x, Value):
        raise ValueError(f"a compiled function must return values, not {x!r:.100} ({type(x).__name__})")
    values.append(x)
    return None


def unflatten(shape: Any, numbers: Iterator[Any]) -> Any:
    """Nested lists of the next numbers."""
    return next(numbers) if shape is None else [unflatten(y, numbers) for y in shape]
