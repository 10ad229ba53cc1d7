"""Shapes and types of signatures, checked at every call as jaxtyping does it, in less than half of its time."""

import dataclasses
import functools
import inspect
from types import SimpleNamespace
from typing import Any, get_type_hints
from unittest.mock import patch

from beartype import BeartypeConf, beartype
from jaxtyping import TypeCheckError, config, jaxtyped

CONFIG = BeartypeConf(violation_type=TypeCheckError)


def checked(thing: Any, **_: object) -> Any:
    """A function whose arguments and result are checked in one pass, or a dataclass whose fields are.

    jaxtyping's own binds the arguments of each call, and checks them twice. What stands inside of a function is its
    own business, and mypy's.
    """
    if inspect.isclass(thing):
        if dataclasses.is_dataclass(thing) and "__init__" in vars(thing):
            thing.__init__ = checked(thing.__init__)
        return thing
    if "<locals>" in thing.__qualname__:
        return thing
    if inspect.isgeneratorfunction(thing):  # beartype would check it when it is asked for the first time
        return jaxtyped(thing, typechecker=beartype)
    hints = {name: known(hint, thing) for name, hint in thing.__annotations__.items()}
    with patch.object(thing, "__annotations__", hints):
        body = beartype(conf=CONFIG)(thing)

    @functools.wraps(thing)
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if config.jaxtyping_disable:
            return thing(*args, **kwargs)
        with jaxtyped("context"):  # letters of shapes mean one number each
            return body(*args, **kwargs)

    return call


def known(hint: Any, function: Any) -> Any:
    """What an annotation means, if more than mypy can know it now: some names are imported for mypy alone."""
    try:
        return get_type_hints(SimpleNamespace(__annotations__={"it": hint}), function.__globals__)["it"]
    except NameError:
        return Any
