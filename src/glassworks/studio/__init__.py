"""The studio: a web page on this machine where a person sees and touches their own runs and models.

`glassworks.studio.show(model, inputs)` is its page of a network, of any module, as one file.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glassworks.studio.shown import Shown, show

__all__ = ["Shown", "show"]


def __getattr__(name: str) -> Any:
    """`show`, looked up when it is first asked for: it loads torch."""
    if name in __all__:
        from glassworks.studio import shown

        return getattr(shown, name)
    raise AttributeError(f"module 'glassworks.studio' has no attribute {name!r}")
