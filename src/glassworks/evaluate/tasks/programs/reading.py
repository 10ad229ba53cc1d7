"""The few kinds of Python that test texts are written in, read and computed here: nothing of them is executed.

Numbers, texts and containers, arithmetic and comparisons, loops over ranges, small functions of these, and the names in
`KNOWN`, `METHODS` and `MODULES`. Whatever else a text holds is refused when it is read, with what it was.
"""

import ast
import copy
import math
import operator
import random
import string
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

KNOWN: dict[str, Any] = {
    function.__name__: function
    for function in (abs, all, any, bool, chr, dict, enumerate, float, int, len, list, max, min, ord, range, reversed,
                     round, set, sorted, str, sum, tuple, zip)
}  # fmt: skip
MODULES = ("math", "copy", "string", "random")
METHODS = ("append", "choice", "join", "randint")
OPERATIONS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.USub: operator.neg, ast.UAdd: operator.pos,
    ast.Not: operator.not_, ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b, ast.Pow: lambda a, b: small_power(a, b),
}  # fmt: skip
STEPS = 200_000
"""How many parts of a text are computed before it is taken to have no end."""


def small_power(base: Any, exponent: Any) -> Any:
    """A power that cannot fill the memory."""
    if abs(exponent) > 1000:
        raise ValueError(f"{base} ** {exponent} is too large to be computed here")
    return base**exponent


def modules(seed: int) -> dict[str, Any]:
    """What can be imported: mathematics, copies, letters, and random numbers that are the same every time."""
    drawn = random.Random(seed)
    public = {name: value for name, value in vars(math).items() if not name.startswith("_")}
    return {
        "math": SimpleNamespace(**public),
        "copy": SimpleNamespace(deepcopy=copy.deepcopy, copy=copy.copy),
        "string": SimpleNamespace(ascii_lowercase=string.ascii_lowercase, ascii_letters=string.ascii_letters),
        "random": SimpleNamespace(randint=drawn.randint, choice=drawn.choice, Random=random.Random),
    }


class Returned(Exception):
    """The value that a function of the text returns."""


class Reader:
    """Computes a text's parts; what is called by one of the names in `asked` is asked of `ask`."""

    def __init__(self, asked: set[str], ask: Callable[[list[Any]], Any], names: dict[str, Any], seed: int = 0) -> None:
        self.asked, self.ask, self.names, self.modules, self.left = asked, ask, names, modules(seed), STEPS

    def value(self, node: ast.expr, names: dict[str, Any]) -> Any:
        """An expression's value.

        Raises: ValueError for a kind of expression that is none of these; whatever the computation raises.
        """
        self.left -= 1
        if self.left < 0:
            raise ValueError("the test text computes without end")
        compute = getattr(self, f"_of_{type(node).__name__}", None)
        if compute is None:
            raise ValueError(f"a test text may not hold {ast.unparse(node)!r:.80}")
        return compute(node, names)

    def _of_Constant(self, node: ast.Constant, names: dict[str, Any]) -> Any:
        return node.value

    def _of_Name(self, node: ast.Name, names: dict[str, Any]) -> Any:
        for known in (names, self.names, KNOWN):
            if node.id in known:
                return known[node.id]
        raise ValueError(f"a test text may not use the name {node.id!r}")

    def _of_List(self, node: ast.List, names: dict[str, Any]) -> list[Any]:
        return [self.value(item, names) for item in node.elts]

    def _of_Tuple(self, node: ast.Tuple, names: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(self.value(item, names) for item in node.elts)

    def _of_Set(self, node: ast.Set, names: dict[str, Any]) -> set[Any]:
        return {self.value(item, names) for item in node.elts}

    def _of_Dict(self, node: ast.Dict, names: dict[str, Any]) -> dict[Any, Any]:
        pairs = zip(node.keys, node.values, strict=True)
        return {self.value(key, names): self.value(item, names) for key, item in pairs if key is not None}

    def _of_BinOp(self, node: ast.BinOp, names: dict[str, Any]) -> Any:
        return self.operation(node.op)(self.value(node.left, names), self.value(node.right, names))

    def _of_UnaryOp(self, node: ast.UnaryOp, names: dict[str, Any]) -> Any:
        return self.operation(node.op)(self.value(node.operand, names))

    def _of_BoolOp(self, node: ast.BoolOp, names: dict[str, Any]) -> Any:
        ends = isinstance(node.op, ast.Or)
        for part in node.values:
            value = self.value(part, names)
            if bool(value) == ends:
                break
        return value

    def _of_Compare(self, node: ast.Compare, names: dict[str, Any]) -> bool:
        left = self.value(node.left, names)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.value(right_node, names)
            if not self.operation(op)(left, right):
                return False
            left = right
        return True

    def _of_IfExp(self, node: ast.IfExp, names: dict[str, Any]) -> Any:
        return self.value(node.body if self.value(node.test, names) else node.orelse, names)

    def _of_Subscript(self, node: ast.Subscript, names: dict[str, Any]) -> Any:
        return self.value(node.value, names)[self.value(node.slice, names)]

    def _of_Slice(self, node: ast.Slice, names: dict[str, Any]) -> slice:
        return slice(*(part and self.value(part, names) for part in (node.lower, node.upper, node.step)))

    def _of_ListComp(self, node: ast.ListComp, names: dict[str, Any]) -> list[Any]:
        return list(self.comprehended(node, dict(names)))

    def _of_GeneratorExp(self, node: ast.GeneratorExp, names: dict[str, Any]) -> list[Any]:
        return list(self.comprehended(node, dict(names)))

    def _of_Attribute(self, node: ast.Attribute, names: dict[str, Any]) -> Any:
        held = self.value(node.value, names)
        if isinstance(held, SimpleNamespace) and node.attr in vars(held):
            return vars(held)[node.attr]
        if node.attr in METHODS and isinstance(held, str | list | random.Random):
            return getattr(held, node.attr)
        raise ValueError(f"a test text may not use .{node.attr}")

    def _of_Call(self, node: ast.Call, names: dict[str, Any]) -> Any:
        given = [self.value(argument, names) for argument in node.args]
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise ValueError(f"a test text may not call by keyword or by star: {ast.unparse(node)!r:.80}")
        if isinstance(node.func, ast.Name) and node.func.id in self.asked:
            return self.ask(given)
        return self.value(node.func, names)(*given)

    def operation(self, op: ast.AST) -> Callable[..., Any]:
        """What an operator does."""
        if type(op) not in OPERATIONS:
            raise ValueError(f"a test text may not use {type(op).__name__}")
        return OPERATIONS[type(op)]

    def comprehended(self, node: ast.ListComp | ast.GeneratorExp, names: dict[str, Any], at: int = 0) -> Iterator[Any]:
        """The items of a comprehension, over its loops from one on."""
        if at == len(node.generators):
            yield self.value(node.elt, names)
            return
        loop = node.generators[at]
        for item in self.value(loop.iter, names):
            bind(loop.target, item, names)
            if all(self.value(test, names) for test in loop.ifs):
                yield from self.comprehended(node, names, at + 1)

    def run(self, body: list[ast.stmt], names: dict[str, Any], on_assert: Callable[..., None]) -> None:
        """Statements in order; each assertion goes to `on_assert(expression, names)`."""
        for node in body:
            if isinstance(node, ast.Assert):
                on_assert(node.test, names)
            elif isinstance(node, ast.Assign) and len(node.targets) == 1:
                bind(node.targets[0], self.value(node.value, names), names)
            elif isinstance(node, ast.For) and not node.orelse:
                for item in self.value(node.iter, names):
                    bind(node.target, item, names)
                    self.run(node.body, names, on_assert)
            elif isinstance(node, ast.If):
                self.run(node.body if self.value(node.test, names) else node.orelse, names, on_assert)
            else:
                self.run_simple(node, names)

    def run_simple(self, node: ast.stmt, names: dict[str, Any]) -> None:
        """A statement that holds no assertion."""
        if isinstance(node, ast.FunctionDef):
            names[node.name] = self.function(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self.bring(node, names)
        elif isinstance(node, ast.Return):
            raise Returned(None if node.value is None else self.value(node.value, names))
        elif isinstance(node, ast.Expr):
            if not isinstance(node.value, ast.Name | ast.Constant):
                self.value(node.value, names)
        elif not isinstance(node, ast.Pass):
            raise ValueError(f"a test text may not hold {ast.unparse(node)!r:.80}")

    def bring(self, node: ast.Import | ast.ImportFrom, names: dict[str, Any]) -> None:
        """An import, of the few modules that there are."""
        for part in node.names:
            module = part.name if isinstance(node, ast.Import) else str(node.module)
            if module == "typing":
                continue
            if module not in self.modules:
                raise ValueError(f"a test text may not import {module}")
            held = self.modules[module]
            if isinstance(node, ast.ImportFrom) and part.name not in vars(held):
                raise ValueError(f"a test text may not import {part.name} from {module}")
            names[part.asname or part.name] = held if isinstance(node, ast.Import) else vars(held)[part.name]

    def function(self, node: ast.FunctionDef) -> Callable[..., Any]:
        """A function that the text defines, computed here when it is called."""

        def called(*given: Any) -> Any:
            names = dict(zip((argument.arg for argument in node.args.args), given, strict=True))
            try:
                self.run(node.body, names, refuse)
            except Returned as returned:
                return returned.args[0]
            return None

        return called


def refuse(test: ast.expr, names: dict[str, Any]) -> None:
    """No assertion within a function that the text defines."""
    raise ValueError(f"a test text may not assert within a function of its own: {ast.unparse(test)!r:.80}")


def bind(target: ast.expr, value: Any, names: dict[str, Any]) -> None:
    """Give a value to a name, or its items to several."""
    if isinstance(target, ast.Name):
        names[target.id] = value
    elif isinstance(target, ast.Tuple):
        for part, item in zip(target.elts, value, strict=True):
            bind(part, item, names)
    else:
        raise ValueError(f"a test text may not set {ast.unparse(target)!r:.80}")
