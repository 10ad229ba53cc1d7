"""Types that rooms share without importing each other."""

from collections.abc import Callable, Sequence

Generate = Callable[[Sequence[str]], list[str]]
"""Prompts to completions. A local model, a remote provider and a test double all look like this."""
