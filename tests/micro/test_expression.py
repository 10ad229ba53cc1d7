"""Expressions as text: the values Python's own operators make, and a refusal of everything else."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glassworks.micro.engine import Value
from glassworks.micro.expression import EXAMPLE, EXAMPLE_VALUES, parse, read_values

README = """
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
"""


@pytest.mark.parametrize("text", [EXAMPLE, README])
def test_it_gives_the_figures_of_micrograds_readme(text: str) -> None:
    values = read_values(EXAMPLE_VALUES)
    g = parse(text, values)
    g.backward()
    assert f"{g.data:.4f}" == "24.7041"
    assert f"{values['a'].grad:.4f}" == "138.8338"
    assert f"{values['b'].grad:.4f}" == "645.5773"


EXPRESSIONS = [
    "a + b * c - 2",
    "-a ** 2 + (+b)",
    "(a - b) / (c * c + 1)",
    "a ** -1 + 2 ** a + abs(b) ** c",
    "tanh(a) + b.sigmoid() - sin(cos(c))",
    "max(a, b) * min(b, 2) + abs(-c)",
    "exp(log(sqrt(abs(a) + 1e-3))) + 1.5.relu() * a.max(c)",
    "(2 - 3) ** 3 / 4 * a",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
@given(st.tuples(*[st.floats(0.25, 3).map(lambda x: round(x, 3))] * 3))
@settings(max_examples=10, deadline=None)
def test_it_is_what_torch_makes_of_the_same_text(text: str, numbers: tuple[float, float, float]) -> None:
    values = {name: Value(x) for name, x in zip("abc", numbers, strict=True)}
    parse(text, values).backward()
    tensors = {
        name: torch.tensor(x, dtype=torch.float64, requires_grad=True) for name, x in zip("abc", numbers, strict=True)
    }

    def both(name: str) -> object:
        return lambda x, y: getattr(torch, name)(torch.as_tensor(x), torch.as_tensor(y, dtype=torch.float64))

    known = {name: getattr(torch, name) for name in ("tanh", "sigmoid", "sin", "cos", "exp", "log", "sqrt", "abs")}
    known |= {"max": both("maximum"), "min": both("minimum")}
    result = eval(text.replace("1.5.relu()", "1.5").replace("a.max(c)", "max(a, c)"), {**known, **tensors})
    (result + 0 * sum(tensors.values())).backward()
    assert parse(text, {name: v.data for name, v in values.items()}).data == pytest.approx(result.item())
    assert [v.grad for v in values.values()] == pytest.approx([t.grad.item() for t in tensors.values()], abs=1e-12)


def test_names_become_labels_and_earlier_ones_are_numbered() -> None:
    root = parse("c = a * 2; c += 1; c = c ** 2; d = c; tanh(d)", {"a": 0.5})
    assert [v.label for v in Value.topological(root) if v.label] == ["a", "c₁", "c₂", "c"]
    assert root.label == ""


def test_values_passed_in_are_the_leaves() -> None:
    a = Value(2.0)
    root = parse("a * a", {"a": a})
    assert root._prev == (a, a)
    assert a.label == "a"


def test_plain_numbers_are_reckoned_first_so_that_exponents_stay_plain() -> None:
    assert parse("a ** (6 / 3)", {"a": -3})._op == "**2.0"
    assert Value.topological(parse("2 * 3 - 1", {}))[0].data == 5.0


REFUSED = {
    "__import__('os').system('x')": "__import__",
    "a.data": "'a.data' cannot stand",
    "a.__class__": "'a.__class__' cannot stand",
    "a._prev[0]": r"'a._prev\[0\]' cannot stand",
    "(lambda: a)()": "cannot stand",
    "[x for x in a]": "cannot stand",
    "a if a else b": "cannot stand",
    "a and b": "cannot stand",
    "a < b": "'a < b' cannot stand",
    "(c := a)": "cannot stand",
    "f'{a}'": "cannot stand",
    "'text'": "cannot stand",
    "True + a": "'True' cannot stand",
    "2j * a": "'2j' cannot stand",
    "a, b": "cannot stand",
    "import os": "'import os' cannot stand",
    "def f(): pass": "cannot stand",
    "for x in a: x": "cannot stand",
    "a.data = 3": "'a.data' cannot stand.*only a name can be assigned",
    "c = d = a": "one name",
    "c, d = a": "only a name",
    "del a": "'del a'",
    "a ^ 2": r"'a \^ 2'.*write \*\* for a power",
    "a // 2": r"'a // 2'.*the operators are",
    "a @ b": "the operators are",
    "~a": "'~a'",
    "not a": "'not a'",
    "tahn(a)": r"'tahn\(a\)'.*did you mean tanh",
    "foo(a)": "the functions are relu, abs",
    "a.backward()": r"'a.backward\(\)'.*the functions are",
    "tanh(a, b)": "tanh has 1 argument",
    "a.tanh(b)": "tanh has 1 argument",
    "max(a)": "max has 2 arguments",
    "max(*a)": "max has 2 arguments",
    "min(a, *b)": r"'\*b' cannot stand",
    "max(a, b, key=a)": "cannot stand",
    "tanh + a": r"'tanh'.*needs its argument: tanh\(x\)",
    "a + bb": "'bb' has no value: did you mean b",
    "a + q": "'q' has no value: add q=1.5",
    "": "is empty",
    " ; ": "no expression",
    "# nothing": "is empty",
    "a +": "no expression.*column 4",
    "a\x00b": "cannot be read|no expression",
    "1 / (a - a)": r"'1 / \(a - a\)' cannot be computed.*divided",
    "3 / 0": "'3 / 0' cannot be computed",
    "log(a - 5)": r"'log\(a - 5\)' cannot be computed",
    "(a - 5) ** b": "cannot be computed.*plain exponent",
    "(0 - 8) ** 0.5": "cannot be computed",
    "9 ** 9 ** 9 ** 9": r"'9 \*\* 9 \*\* 9' cannot be computed",
    "exp(1000 * a)": "cannot be computed",
    "1e999 * a": "larger than a float",
    "1" + "0" * 400: "larger than a float",
    "9" * 5000: "cannot be read|no expression|larger",
    "a" + " + a" * 400: "nested more than 200 deep",
    "-" * 3000 + "a": "nested|cannot be read",
    "(" * 3000 + "a" + ")" * 3000: "nested|cannot be read|no expression",
    "a" * 10_001: "10,001 characters",
}


@pytest.mark.parametrize("text", REFUSED)
def test_everything_else_is_refused_with_the_piece_that_is_wrong(text: str) -> None:
    with pytest.raises(ValueError, match=REFUSED[text]) as caught:
        parse(text, {"a": 2.0, "b": 3.0})
    assert len(str(caught.value)) < 500


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a \(=nan\) must be a finite number"):
        parse("a", {"a": math.nan})


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["a"], "'a' gives no name a number: write it as a=1.5"),
        (["=2"], "gives no name"),
        (["2a=3"], "gives no name"),
        (["lambda=3"], "gives no name"),
        (["a=x"], "'a=x': 'x' is no number"),
        (["a="], "'' is no number"),
        (["a=1", "a=2"], "a is given twice"),
    ],
)
def test_a_text_that_gives_no_value_is_refused(texts: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_values(texts)


def test_values_are_read_from_texts() -> None:
    found = read_values(["a=-4", "b = 2e-3", "größe=1"])
    assert {name: value.data for name, value in found.items()} == {"a": -4.0, "b": 0.002, "größe": 1.0}
