"""Plain values become dataclasses, and what does not fit is refused by name."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from glassworks.core.config import from_dict, read_toml


@dataclass(frozen=True)
class Inner:
    size: int = 1
    rates: tuple[float, float] = (0.9, 0.99)


@dataclass(frozen=True)
class Outer:
    name: Literal["a", "b"] = "a"
    share: float | str = 0.5
    limit: float | None = None
    step: Literal[1, 2] = 1
    on: bool = False
    sources: str | tuple[str, ...] = "a"
    inner: Inner = field(default_factory=Inner)


def test_nested_values_and_defaults() -> None:
    made = from_dict(Outer, {"name": "b", "inner": {"rates": [0.5, 0.6]}, "limit": 2})
    assert made == Outer("b", limit=2.0, inner=Inner(rates=(0.5, 0.6)))
    assert isinstance(made.limit, float)
    assert from_dict(Outer, {"inner": {"size": np.int64(3)}, "limit": np.float32(2)}) == Outer(
        limit=2.0, inner=Inner(3)
    )
    assert from_dict(Outer, {"sources": ["a", "b"]}).sources == ("a", "b")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nam": "a"}, "there is no nam: did you mean name?"),
        ({"inner": {"sise": 1}}, "there is no inner.sise: did you mean inner.size?"),
        ({"name": "c"}, r"name \(='c'\) must be 'a' or 'b'"),
        ({"inner": {"size": 1.5}}, r"inner.size \(=1.5\) must be a whole number"),
        ({"inner": {"size": True}}, "must be a whole number"),
        ({"limit": 10**400}, "limit is a whole number of 1,329 bits: give a smaller one"),
        ({"step": 1.0}, r"step \(=1.0\) must be 1 or 2"),
        ({"on": 1}, "must be true or false"),
        ({"limit": "x"}, "must be a number or left out"),
        ({"inner": 3}, "inner"),
        ({"inner": {"rates": [1]}}, "rates"),
        ({"sources": ["a", 3]}, r"sources \(=3\) must be a text"),
        ({"sources": 3}, r"sources \(=3\) must be a text or a list, each a text"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(values: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        from_dict(Outer, values)


def test_broken_toml_names_the_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "r.toml").write_text("a = ", encoding="utf-8")
    with pytest.raises(ValueError, match=r"r\.toml is not valid TOML"):
        read_toml(tmp_path / "r.toml")


def test_a_recipe_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbfsteps = 3\n")
    assert read_toml(path) == {"steps": 3}
