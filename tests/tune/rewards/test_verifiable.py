import doctest

import pytest

from glassworks.tune.rewards import ask, unit_tests, verifiable
from glassworks.tune.rewards.verifiable import answers, arithmetic, form, length, pattern, value_of


@pytest.mark.parametrize("module", [ask, unit_tests, verifiable])
def test_examples_come_out(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize(
    ("prompt", "value"),
    [
        ("12 + 7 =", 19),
        ("Q: What is 3 * (4 - 6)?\nA:", -6),
        ("1 + 1 = 2\n10 - 4 =", 6),
        ("-3 + 5 =", 2),
        ("0 * 5 =", 0),
        ("007 + 1 =", 8),
        ("1.05 + 1 =", 2.05),
        ("7 / 2 =", 3.5),
        ("17 % 5 =", 2),
    ],
)
def test_an_expression_is_computed_and_never_executed(prompt: str, value: float) -> None:
    assert value_of(prompt) == pytest.approx(value)


@pytest.mark.parametrize("prompt", ["no numbers", "__import__('os')", "1 / 0 =", "9 ** 9 ** 9 ="])
def test_what_is_no_arithmetic_is_refused(prompt: str) -> None:
    with pytest.raises(ValueError, match="has no arithmetic: give one such as '7 \\+ 5 ='"):
        value_of(prompt)


def test_an_expression_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 50 parts"):
        value_of("+".join("1" * 60))


def test_the_first_number_said_counts() -> None:
    found = arithmetic()(["2 + 2 ="] * 5, [" 4", "4.0 or 5", " 5, no, 4", "", "four"])
    assert found.tolist() == [1, 1, 0, 0, 0]


def test_a_form_is_of_all_of_a_completion() -> None:
    assert form()([""] * 4, [" 12\n", "-3.5", "12 apples", ""]).tolist() == [1, 1, 0, 0]
    tagged = form("<a>{text}</a>{word}")
    assert tagged([""] * 3, ["<a>x\ny</a>z", "<a></a>z", "<a>x</a>z z"]).tolist() == [1, 0, 0]


def test_length_falls_on_both_sides() -> None:
    assert length("10")([""] * 4, ["x" * n for n in (10, 5, 15, 30)]).tolist() == [1, 0.5, 0.5, 0]


def test_answers_are_by_their_prompts() -> None:
    reward = answers({"a": "so 1,200 in all", "b": "no number"})
    assert reward(["a", "a"], ["it is 3, or 1200", "1,201"]).tolist() == [1, 0]
    with pytest.raises(ValueError, match="its prompt has no answer"):
        reward(["b"], ["1"])


def test_arguments_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="needs an expression: give one as regex:"):
        pattern()
    with pytest.raises(ValueError, match="is no regular expression: "):
        pattern("(")
    with pytest.raises(ValueError, match="needs a number of characters: give one as length:80"):
        length("many")
    with pytest.raises(ValueError, match=r"has no place \{noun\}: there are \{number\}, "):
        form("{noun}")
