"""Backward step by step: the engine's order and numbers, told in words, in a terminal and on a page."""

import json
import math
import random
import re
from html.parser import HTMLParser

import pytest

from glassworks.micro.engine import Value
from glassworks.micro.expression import EXAMPLE, parse
from glassworks.micro.nn import MLP
from glassworks.micro.step import derivative, formula, named, page, play, sentences, steps


def example() -> Value:
    """Micrograd's README."""
    return parse(EXAMPLE, {"a": -4, "b": 2})


def network() -> Value:
    """A perceptron's output, made from shared inputs."""
    random.seed(3)
    x = [Value(0.5), Value(-1.5)]
    return MLP(2, [4, 3, 1], "tanh")(x) * x[0]


def twice() -> Value:
    """A graph whose values are used twice, in one operation and in several."""
    a = Value(3.0, "a")
    b = a * a + a
    return b.max(b) - b / b


@pytest.mark.parametrize("make", [example, network, twice, lambda: Value(2.0)])
def test_steps_end_where_backward_does(make: object) -> None:
    root = make()  # type: ignore[operator]
    values = Value.topological(root)
    grads = dict.fromkeys(values, 0.0) | {root: 1.0}
    every = list(steps(root))
    assert all(v.grad == 0 for v in values)
    for step in every:
        for part in step.contributions:
            grads[part.child] = part.grad
    root.backward()
    assert [grads[v] for v in values] == [v.grad for v in values]
    assert all(step.grad == step.value.grad for step in every)  # complete when it is handed on


def test_steps_are_backwards_own_order_and_arithmetic() -> None:
    root = example()
    first, *others = steps(root)
    assert (first.value, first.grad, first.contributions) == (root, 1.0, ())
    assert [step.value for step in others] == [v for v in reversed(Value.topological(root)) if v._prev]
    sums = dict.fromkeys(Value.topological(root), 0.0)
    for step in others:
        for child, part in zip(step.value._prev, step.contributions, strict=True):
            assert part.child is child
            assert part.amount == part.local * step.grad
            sums[child] += part.amount
            assert part.grad == sums[child]


def test_a_step_in_words() -> None:
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    root = (a * b).tanh() / 4
    names = named(Value.topological(root))
    told = [sentences(step, names) for step in steps(root)]
    assert told == [
        ["The gradient of y by itself: y.grad = 1"],
        [
            "y = v2 / 4 = -0.25, and y.grad = 1 is complete",
            "v2.grad += (1 / 4) × y.grad = 0.25 × 1 = 0.25, so v2.grad = 0.25",
            "(4).grad += (-v2 / 4²) × y.grad = 0.0625 × 1 = 0.0625, so (4).grad = 0.0625",
        ],
        [
            "v2 = tanh(v1) = -1, and v2.grad = 0.25 is complete",
            "v1.grad += (1 - v2²) × v2.grad = 2.458e-5 × 0.25 = 6.144e-6, so v1.grad = 6.144e-6",
        ],
        [
            "v1 = a * b = -6, and v1.grad = 6.144e-6 is complete",
            "a.grad += b × v1.grad = -3 × 6.144e-6 = -1.843e-5, so a.grad = -1.843e-5",
            "b.grad += a × v1.grad = 2 × 6.144e-6 = 1.229e-5, so b.grad = 1.229e-5",
        ],
    ]


def test_names_are_never_taken_twice() -> None:
    a, y = Value(1.0, "v1"), Value(2.0, "y")
    values = Value.topological((a * y + a) * y)
    assert [named(values)[v] for v in values] == ["v1", "y", "v2", "v3", "v4"]


OPERATIONS = ["a + b", "a - b", "a * b", "a / b", "a ** b", "a ** 3", "a ** 2", "a ** -1", "-a", "relu(a)", "abs(a)"]
OPERATIONS += ["exp(a)", "log(a)", "sqrt(a)", "sin(a)", "cos(a)", "tanh(a)", "sigmoid(a)", "max(a, b)", "min(a, b)"]


@pytest.mark.parametrize("text", OPERATIONS)
def test_the_derivative_in_words_is_the_engines_number(text: str) -> None:
    root = parse(text, {"a": 0.7, "b": 1.3})
    root.label = "y"
    names = {v: v.label for v in Value.topological(root)}
    assert formula(root, names) == text
    known = {"a": 0.7, "b": 1.3, "y": root.data, "sign": lambda x: math.copysign(1, x), **vars(math)}
    for side, part in enumerate(list(steps(root))[1].contributions):
        words = derivative(root, side, names).replace("²", "**2").replace("^", "**").replace("·", "*")
        words = re.sub(r"if (\w) is (larger|smaller), ½ if equal", r"if \1 is \2 else 0", words)
        words = re.sub(r"(\w) is larger", r"\1 == max(a, b)", words)
        words = re.sub(r"(\w) is smaller", r"\1 == min(a, b)", words)
        assert eval(words, {"max": max, "min": min, **known}) == pytest.approx(part.local)


# ----------------------------------------------------------------------------------------------------------------------
# In the terminal


def test_without_a_terminal_everything_is_printed_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    play(example())
    lines = capsys.readouterr().out.splitlines()
    assert sum("/26  " in line for line in lines) == 26
    assert lines[-1].endswith("so b.grad = 645.6")


@pytest.mark.parametrize(("answers", "shown"), [(["", "q"], 2), ([""] * 25, 26), ([EOFError], 1)])
def test_on_a_terminal_each_step_waits(
    answers: list[object], shown: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = iter(answers)

    def answer(prompt: str) -> object:
        reply = next(given)
        if reply is EOFError:
            raise EOFError
        return reply

    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    play(example())
    assert capsys.readouterr().out.count("/26  ") == shown


# ----------------------------------------------------------------------------------------------------------------------
# As a page


class Scripts(HTMLParser):
    """The contents of a page's script elements, and all its text elsewhere."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inside, self.scripts, self.tags = False, [], []  # type: ignore[var-annotated]
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.scripts.append(data)


def test_a_page_holds_the_picture_and_every_step() -> None:
    root = example()
    html = page(root)
    told = json.loads(Scripts(html).scripts[0])
    every = list(steps(root))
    assert len(told) == len(every) == 26
    assert [step["words"] for step in told] == [sentences(step, named(Value.topological(root))) for step in every]
    assert html.count("data-box=") == len(Value.topological(root))
    edges = {f"{step['value']}-{side}" for step in told for side in range(len(step["operands"]))}
    assert edges == set(re.findall(r'data-edge="([\d-]+)"', html))
    assert html.index("<nav") < html.index('id="words"')  # buttons stay where they are, however much is said
    assert "min-height:7" not in html
    assert all(name not in html for name in ("TITLE", "PICTURE", "STEPS", "LIGHT", "DARK"))


@pytest.mark.parametrize(
    "label", ["</script><script>alert(1)</script>", "<!--<script>", "STEPS PICTURE", "a\u2028\x00"]
)
def test_a_label_cannot_leave_its_place(label: str) -> None:
    root = Value(1.0, label) * 2
    root.label = label
    found = Scripts(page(root))
    assert [tag for tag, _ in found.tags].count("script") == len(found.scripts) == 2
    assert [tag for tag, _ in found.tags].count("svg") == 1
    assert json.loads(found.scripts[0])[1]["value"] == 2
    assert "alert" not in found.scripts[1]


def test_a_page_needs_no_network_and_speaks_to_everyone() -> None:
    html = page(example())
    assert set(re.findall(r"https?://[^\"\s]*", html)) == {"http://www.w3.org/2000/svg"}
    tags = Scripts(html).tags
    assert not {"link", "img", "iframe"} & {tag for tag, _ in tags}
    assert any(attributes.get("aria-live") == "polite" for _, attributes in tags)
    assert [attributes["id"] for tag, attributes in tags if tag == "button"] == [
        "first",
        "back",
        "next",
        "last",
        "play",
    ]
    assert any("width=device-width" in (attributes.get("content") or "") for _, attributes in tags)


def test_a_page_of_a_graph_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="values, and no more than 10 are shown"):
        page(example(), limit=10)
