"""A scalar that remembers how it was computed, and so knows its derivatives: reverse-mode automatic differentiation.

Every operation makes a new `Value` that holds its result, its operands and the derivative by each. `backward` then
needs no calculus: it walks from the result to the leaves by the chain rule, a multiplication and an addition an edge.

Interface and idea are micrograd's (https://github.com/karpathy/micrograd). What differs: derivatives are numbers, not
closures, so that no node refers to itself and memory is freed at once; and the walk is a loop, for graphs of any depth.
"""

import math
from collections.abc import Callable
from typing import Any


def function(
    name: str, value: Callable[[float], float], slope: Callable[[float, float], float]
) -> Callable[["Value"], "Value"]:
    """A method of `Value` out of a function of one number, x, and its derivative, a function of x and the result."""

    def method(self: "Value") -> "Value":
        try:
            y = value(self.data)
        except (OverflowError, ValueError) as error:
            raise type(error)(f"{name} of {self.data} is no finite real number") from None
        return node(y, name, self, slope(self.data, y))

    method.__name__, method.__doc__ = name, f"{name}(x)"
    return method


class Value:
    """A number, `data`, and `grad`, the derivative by it of whatever `backward` was called on; `label` is a name.

    `_prev` are the values it was made from and `_op` says how; both are empty for a leaf. Values compare by data, but
    `==` is identity: two may hold the same number and differ in their gradients.

    >>> a, b = Value(2.0), Value(-3.0)
    >>> c = (a * b + a).tanh()
    >>> c.backward()
    >>> a.grad == (1 - c.data**2) * (b.data + 1)
    True
    """

    __slots__ = ("_left", "_left_grad", "_op", "_right", "_right_grad", "data", "grad", "label")
    __array_ufunc__ = None  # a NumPy scalar times a Value is a Value, too

    def __init__(self, data: Any, label: str = "") -> None:
        if isinstance(data, str | bytes | complex | Value) or not hasattr(data, "__float__"):
            raise TypeError(f"a Value holds one number, not {data!r} ({type(data).__name__})")
        self.data, self.grad, self.label, self._op = float(data), 0.0, label, ""
        self._left: Value | None = None
        self._right: Value | None = None
        self._left_grad = self._right_grad = 0.0

    @property
    def _prev(self) -> tuple["Value", ...]:
        return tuple(v for v in (self._left, self._right) if v is not None)

    def _repr_svg_(self) -> str | None:
        from glassworks.micro.graph import svg

        return svg(self) if len(self.topological()) <= 200 else None

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad}" + (f", label={self.label!r})" if self.label else ")")

    def __add__(self, other: Any) -> "Value":
        other = other if isinstance(other, Value) else Value(other)
        return node(self.data + other.data, "+", self, 1.0, other, 1.0)

    def __sub__(self, other: Any) -> "Value":
        other = other if isinstance(other, Value) else Value(other)
        return node(self.data - other.data, "-", self, 1.0, other, -1.0)

    def __mul__(self, other: Any) -> "Value":
        other = other if isinstance(other, Value) else Value(other)
        return node(self.data * other.data, "*", self, other.data, other, self.data)

    def __truediv__(self, other: Any) -> "Value":
        other = other if isinstance(other, Value) else Value(other)
        a, b = self.data, other.data
        if b == 0:
            raise ZeroDivisionError(f"{self.data} is divided by {other.data}")
        return node(a / b, "/", self, 1 / b, other, -a / b / b)

    def __pow__(self, other: Any) -> "Value":
        if isinstance(other, Value) and self.data <= 0:
            raise ValueError(f"{self.data} ** a value: only a positive base has a gradient; or use a plain exponent")
        y, by_base = power(self.data, n := other.data if isinstance(other, Value) else Value(other).data)
        if isinstance(other, Value):
            return node(y, "**", self, by_base, other, y * math.log(self.data))
        return node(y, f"**{n}", self, by_base)  # a plain exponent has no gradient, and lets the base be negative

    def __neg__(self) -> "Value":
        return node(-self.data, "neg", self, -1.0)

    def __rsub__(self, other: Any) -> "Value":
        return Value(other) - self

    def __rtruediv__(self, other: Any) -> "Value":
        return Value(other) / self

    def __rpow__(self, other: Any) -> "Value":
        return Value(other) ** self

    __radd__, __rmul__ = __add__, __mul__
    # Functions of x, each with its derivative, in terms of x and of the function's own value y.
    relu = function("relu", lambda x: 0.0 if x < 0 else x, lambda x, y: 1.0 if x > 0 else 0.0)
    abs = __abs__ = function("abs", abs, lambda x, y: math.copysign(1.0, x) if x else 0.0)
    exp = function("exp", math.exp, lambda x, y: y)
    log = function("log", math.log, lambda x, y: 1 / x)
    sqrt = function("sqrt", math.sqrt, lambda x, y: 0.5 / y if y else math.inf)
    sin = function("sin", math.sin, lambda x, y: math.cos(x))
    cos = function("cos", math.cos, lambda x, y: -math.sin(x))
    tanh = function("tanh", math.tanh, lambda x, y: 1 - y * y)
    sigmoid = function("sigmoid", lambda x: math.exp(min(x, 0)) / (1 + math.exp(-abs(x))), lambda x, y: y * (1 - y))

    def max(self, other: Any) -> "Value":
        """The larger of two; if they are equal, each gets half of the gradient, as in PyTorch."""
        other = other if isinstance(other, Value) else Value(other)
        a, b = self.data, other.data
        share = 1.0 if a > b else 0.0 if a < b else 0.5
        return node(a if a >= b or a != a else b, "max", self, share, other, 1 - share)

    def min(self, other: Any) -> "Value":
        """The smaller of two; if they are equal, each gets half of the gradient, as in PyTorch."""
        other = other if isinstance(other, Value) else Value(other)
        a, b = self.data, other.data
        share = 1.0 if a < b else 0.0 if a > b else 0.5
        return node(a if a <= b or a != a else b, "min", self, share, other, 1 - share)

    def __lt__(self, other: Any) -> bool:
        return self.data < (other.data if isinstance(other, Value) else other)

    def __le__(self, other: Any) -> bool:
        return self.data <= (other.data if isinstance(other, Value) else other)

    def __gt__(self, other: Any) -> bool:
        return self.data > (other.data if isinstance(other, Value) else other)

    def __ge__(self, other: Any) -> bool:
        return self.data >= (other.data if isinstance(other, Value) else other)

    def topological(*roots: "Value") -> list["Value"]:
        """Every value of the graphs of `roots`, each once, each after all that it was made from: a depth-first walk."""
        order, seen, stack = list[Value](), set[Value](), list[Any](reversed(roots))
        while stack:
            v = stack.pop()
            if v is None:  # what lies below it on the stack waits for nothing any more
                order.append(stack.pop())
            elif v not in seen:
                seen.add(v)
                if v._left is None:
                    order.append(v)
                else:
                    stack += (v, None, v._left) if v._right is None else (v, None, v._right, v._left)
        return order

    def backward(self) -> None:
        """Add the derivative of this value by each leaf of its graph to the leaf's `grad`.

        As in PyTorch, leaves add up what several calls bring, until `zero_grad`; what is no leaf holds the last call's.
        """
        order = self.topological()
        for v in order:
            v.grad = v.grad if v._left is None else 0.0
        self.grad += 1.0
        for v in reversed(order):
            left, right = v._left, v._right
            if left is not None:
                left.grad += v._left_grad * v.grad
                if right is not None:
                    right.grad += v._right_grad * v.grad

    def zero_grad(self) -> None:
        """Set the gradient of every value of this graph to 0."""
        for v in self.topological():
            v.grad = 0.0


def node(data: float, op: str, left: Value, by_left: float, right: Value | None = None, by_right: float = 0.0) -> Value:
    """The result of an operation, with its derivative by each operand."""
    v = object.__new__(Value)
    v.data, v.grad, v.label, v._op = data, 0.0, "", op
    v._left, v._left_grad, v._right, v._right_grad = left, by_left, right, by_right
    return v


def power(base: float, exponent: float) -> tuple[float, float]:
    """Base ** exponent or an error that says what is wrong, and its slope: infinite for a root at 0, as in PyTorch."""
    try:
        y = math.pow(base, exponent)
    except (OverflowError, ValueError) as error:
        raise type(error)(f"{base} ** {exponent} is no finite real number") from None
    try:
        return y, exponent * math.pow(base, exponent - 1) if exponent else 0.0
    except (OverflowError, ValueError):  # too large for a number; a root at 0 has no other slope
        return y, exponent * (-math.inf if base < 0 and exponent % 2 == 0 else math.inf)
