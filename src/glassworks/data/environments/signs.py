"""Whether data are an environment, by their name alone; imports nothing heavy."""

PREFIX = "env:"


def environment_why(data: str) -> str | None:
    """Why data are an environment, in a line; None where they are not.

    >>> environment_why("env:CartPole-v1")
    'env:CartPole-v1: an environment to act in'
    """
    return f"{data}: an environment to act in" if data.startswith(PREFIX) else None


def name_of(data: str) -> str:
    """The environment's own name; ValueError where there is none."""
    name = data.removeprefix(PREFIX)
    if not name:
        raise ValueError(f"data (={data!r}) names no environment: say env:CartPole-v1, for example")
    return name
