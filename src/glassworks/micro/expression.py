"""Expressions as text, such as "c = a * b; tanh(c + 1)", made into values without ever running the text as Python.

Allowed are numbers, names, + - * / **, parentheses, the functions of `Value` as `tanh(x)` or `x.tanh()`, and
assignments (= += -= *= /= **=), separated by ";" or by lines. Everything else is refused, with the piece that is wrong.
"""

import ast
import keyword
import math
import operator
import textwrap
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from glassworks.core.text import check_text
from glassworks.micro.engine import Value

FUNCTIONS = dict.fromkeys(["relu", "abs", "exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid"], 1)
FUNCTIONS |= {"max": 2, "min": 2}
"""Each function's name, and how many arguments it has."""

OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
LONGEST, DEEPEST = 10_000, 200
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


EXAMPLE = (
    "c = a + b; d = a * b + b**3; c += c + 1; c += 1 + c + (-a); d += d * 2 + (b + a).relu(); "
    "d += 3 * d + (b - a).relu(); e = c - d; f = e**2; g = f / 2; g += 10 / f"
)
EXAMPLE_VALUES = ("a=-4", "b=2")
"""The example in micrograd's README: g = 24.7041, a.grad = 138.8338, b.grad = 645.5773."""


def parse(text: str, values: Mapping[str, Any]) -> Value:
    """The value of the last expression or assignment in `text`, with its graph.

    Args:
        text: as described above, of at most 10,000 characters.
        values: by name, numbers or `Value`s; pass the latter to read their `grad` later.

    Values get their names as labels; where a name is assigned again, those before are labelled c₁, c₂ and so on.
    `ValueError` says what is wrong, and in which piece of the text.

    >>> a = Value(2.0)
    >>> parse("c = a * b; (c + 10) ** 2", {"a": a, "b": -3}).backward()
    >>> a.grad
    -24.0
    """
    reader = Reader(text, values)
    result: Any = None
    for statement in reader.statements():
        result = reader.assign(statement)
    return result if isinstance(result, Value) else Value(result)


def read_values(texts: Iterable[str]) -> dict[str, Value]:
    """Values out of texts such as "a=2"; `ValueError` says which is none."""
    values = {}
    for text in texts:
        name, sign, number = (part.strip() for part in text.partition("="))
        if not sign or not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"{text!r} gives no name a number: write it as a=1.5")
        if name in values:
            raise ValueError(f"{name} is given twice, the second time by {text!r}: keep one")
        try:
            values[name] = Value(float(number), name)
        except ValueError:
            raise ValueError(f"{text!r}: {number!r} is no number: write {name}=1.5") from None
    return values


class Reader:
    """Walks a text's syntax tree; `names` are the values known so far."""

    def __init__(self, text: str, values: Mapping[str, Any]) -> None:
        self.text = textwrap.dedent(text).strip()
        self.names: dict[str, Value] = {}
        self.earlier: Counter[str] = Counter()
        for name, given in values.items():
            value = given if isinstance(given, Value) else Value(given)
            if not math.isfinite(value.data):
                raise ValueError(f"{name} (={value.data}) must be a finite number")
            value.label = value.label or name
            self.names[name] = value

    def statements(self) -> list[ast.stmt]:
        """The text's syntax tree; Python's own parser reads it, and nothing is run."""
        if len(self.text) > LONGEST:
            raise ValueError(f"the expression has {len(self.text):,} characters, more than {LONGEST:,}: shorten it")
        check_text(self.text, "the expression")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what one may not do here anyway
                statements = ast.parse(self.text).body
        except SyntaxError as error:
            raise ValueError(f"{self.text!r:.200} is no expression: {error.msg}, at column {error.offset}") from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise ValueError(f"{self.text!r:.200} cannot be read: {error or 'it is nested too deeply'}") from None
        if not statements:
            raise ValueError('the expression is empty: write one, such as "tanh(a * b)"')
        return statements

    def assign(self, statement: ast.stmt) -> Any:
        """The value of one expression or assignment; the latter gives it a name."""
        check_depth(statement)
        if isinstance(statement, ast.Expr):
            return self.evaluate(statement.value)
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, result = statement.targets[0], self.evaluate(statement.value)
        elif isinstance(statement, ast.AugAssign):
            target, result = statement.target, self.binary(statement, statement.target, statement.value)
        else:
            raise self.refused(statement, "only expressions and assignments to one name can stand here")
        if not isinstance(target, ast.Name):
            raise self.refused(target, "only a name can be assigned to")
        named = result if isinstance(result, Value) else Value(result)
        before = self.names.get(target.id)
        if before is not None and before is not named and before.label == target.id:
            self.earlier[target.id] += 1
            before.label = target.id + str(self.earlier[target.id]).translate(SUBSCRIPTS)
        named.label = named.label or target.id
        self.names[target.id] = named
        return named

    def evaluate(self, piece: ast.expr) -> Any:
        """A value, or a plain number where nothing but numbers is in it: `a ** 2` has a plain exponent."""
        match piece:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self.number(piece, number)
            case ast.Name(id=name):
                return self.look_up(piece, name)
            case ast.BinOp(left=left, right=right):
                return self.binary(piece, left, right)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.evaluate(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.evaluate(operand)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.call(piece, name, arguments)
            case ast.Call(func=ast.Attribute(value=first, attr=name), args=arguments, keywords=[]):
                return self.call(piece, name, [first, *arguments])
        raise self.refused(piece, "only numbers, names, + - * / **, parentheses and functions such as tanh(x) can")

    def number(self, piece: ast.expr, number: float) -> float:
        """A finite number."""
        try:
            if math.isfinite(number):
                return float(number)
        except OverflowError:
            pass
        raise self.refused(piece, "it is larger than a float can be")

    def look_up(self, piece: ast.expr, name: str) -> Value:
        """The value of a name."""
        if name in self.names:
            return self.names[name]
        if name in FUNCTIONS:
            raise self.refused(piece, f"a function needs its argument: {name}(x)")
        near = get_close_matches(name, self.names, n=1)
        raise ValueError(f"{name!r} has no value: " + (f"did you mean {near[0]}?" if near else f"add {name}=1.5"))

    def binary(self, piece: ast.BinOp | ast.AugAssign, left: ast.expr, right: ast.expr) -> Any:
        """Two operands, and what is between them. Plain numbers are reckoned as values are, with the same refusals."""
        if type(piece.op) not in OPERATORS:
            remedy = "write ** for a power" if isinstance(piece.op, ast.BitXor) else "the operators are + - * / **"
            raise self.refused(piece, remedy)
        a, b = self.evaluate(left), self.evaluate(right)
        plain = not isinstance(a, Value) and not isinstance(b, Value)
        result = self.attempt(piece, OPERATORS[type(piece.op)], Value(a) if plain else a, b)
        return result.data if plain else result

    def call(self, piece: ast.Call, name: str, arguments: list[ast.expr]) -> Value:
        """A function of values."""
        if name not in FUNCTIONS:
            near = get_close_matches(name, FUNCTIONS, n=1)
            raise self.refused(
                piece, f"did you mean {near[0]}?" if near else f"the functions are {', '.join(FUNCTIONS)}"
            )
        if len(arguments) != FUNCTIONS[name]:
            raise self.refused(piece, f"{name} has {FUNCTIONS[name]} argument{'s' if FUNCTIONS[name] > 1 else ''}")
        first, *others = (self.evaluate(argument) for argument in arguments)
        method = getattr(Value, name)
        return self.attempt(piece, method, first if isinstance(first, Value) else Value(first), *others)

    def attempt(self, piece: ast.AST, operation: Callable[..., Any], *operands: Any) -> Value:
        """The operation's result, or the engine's refusal with the piece of the text that it is about."""
        try:
            result: Value = operation(*operands)
        except (ArithmeticError, ValueError) as error:
            raise ValueError(f"{self.words(piece)} cannot be computed: {error}") from None
        return result

    def words(self, piece: ast.AST) -> str:
        """A piece of the text, in quotes."""
        return f"{(ast.get_source_segment(self.text, piece) or self.text)!r:.200}"

    def refused(self, piece: ast.AST, why: str) -> ValueError:
        """An error about a piece of the text."""
        return ValueError(f"{self.words(piece)} cannot stand in an expression: {why}")


def check_depth(statement: ast.stmt) -> None:
    """Refuse what is nested so deeply that walking it could exhaust the stack; the check itself uses none."""
    level: list[ast.AST] = [statement]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise ValueError(
        f"the expression is nested more than {DEEPEST} deep: give parts of it names, as in c = a * b; c + 1"
    )
