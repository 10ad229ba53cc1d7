"""Whether a text is source code, whose indentation and columns a proportional face would destroy."""

import re

SIGN = re.compile(r"[(){}\[\]<>=_*/\\#&|;$%@^~`+:\"']")
SHAPED = re.compile(r"\t| {2,}|\s*(?:#|//|/?\*|--)|.*[;{}\[\](),:>]\s*$")
COMMENT = re.compile(r"\s*(?:#|//)")
FEWEST = 3
"""Lines that must be seen."""


def is_code(text: str) -> bool:
    r"""Whether a text reads as source code, or as data that are laid out like it.

    Lines of code are indented, or end (comments: begin) as sentences do not, and they are dense in signs. Neither alone
    makes code: verse is indented and full of commas, an encyclopedia has its brackets. A page of comments is code.

    >>> is_code("def add(a, b):\n    return a + b\n\n\nx = add(1, 2)\n")
    True
    >>> is_code("Full fathom five (he said) thy father lies,\n  Of his bones are coral made;\n  Those are pearls,\n")
    False
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < FEWEST:
        return False
    shaped = sum(bool(SHAPED.match(line)) for line in lines) / len(lines)
    signs = sum(len(SIGN.findall(line)) for line in lines) / sum(len(line.strip()) for line in lines)
    comments = sum(bool(COMMENT.match(line)) for line in lines) / len(lines)
    return (shaped > 0.4 and signs > 0.05) or comments > 0.5
