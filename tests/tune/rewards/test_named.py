from collections.abc import Sequence

import pytest

from glassworks.core.kinds import found
from glassworks.tune.rewards.named import REWARDS, check_reward, make_reward


def twice(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
    return [2.0 * len(text) for text in completions]


@pytest.mark.parametrize("name", REWARDS)
def test_each_is_there_and_says_what_it_is(name: str) -> None:
    assert callable(found(REWARDS[name].made_by))
    assert REWARDS[name].what


def test_an_argument_follows_a_colon() -> None:
    assert make_reward("arithmetic")(["1 + 1 ="], ["2"]).tolist() == [1]
    assert make_reward("length:4")([""], ["ab"]).tolist() == [0.5]
    assert make_reward("regex:a:b")([""], ["xa:by"]).tolist() == [1]
    assert make_reward("answer", {"q": "7"})(["q"], ["it is 7"]).tolist() == [1]


def test_a_function_of_a_module_is_one() -> None:
    check_reward("os.path:join")  # it has the form; what it is, is known when it is made
    assert make_reward(f"{__name__}:twice")([""], ["ab"]) == [4.0]


def test_what_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"reward \(='aritmetic'\) is no reward, .*: did you mean arithmetic\?"):
        check_reward("aritmetic")
    with pytest.raises(ValueError, match="give one of arithmetic, answer, "):
        check_reward("qqqq")
    with pytest.raises(ValueError, match=r"reward \(='nowhere_:f'\) cannot be imported: No module named"):
        make_reward("nowhere_:f")
    with pytest.raises(ValueError, match="is no function of prompts and completions"):
        make_reward("os:name")
    with pytest.raises(ValueError, match="reads the examples' completions, and they have none: add some"):
        make_reward("answer")
