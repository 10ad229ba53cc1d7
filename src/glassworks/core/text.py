"""One check of every text that is to be encoded or written: whether UTF-8 can write it.

Python keeps a byte that is no UTF-8, in an argument or in a file's name, as half a surrogate pair: a text with one is
like any other until something has to write it down.
"""

from collections.abc import Iterable

REPAIR = "give it in UTF-8, or repair the text with text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')"
RENAME = "rename the file, or give the folder that it lies in"


def check_text(text: object, name: str = "text", remedy: str = REPAIR) -> None:
    r"""Refuse what is no text, or holds half a surrogate pair; `name` is what the message calls it.

    >>> check_text("caf\udce9")
    Traceback (most recent call last):
    ValueError: text[3] (='\udce9') is a lone surrogate, no character (the byte 0xE9 is no UTF-8 there): ...
    """
    if not isinstance(text, str):
        raise ValueError(f"{name} (a {type(text).__name__}) must be a str: decode it first")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        character = text[error.start]
        byte = ord(character) - 0xDC00
        origin = f" (the byte 0x{byte:02X} is no UTF-8 there)" if 0x80 <= byte <= 0xFF else ""
        raise ValueError(
            f"{name}[{error.start}] (={character!r}) is a lone surrogate, no character{origin}: {remedy}"
        ) from None


def writable(name: str) -> str:
    r"""A file's name as UTF-8 can write it, other names as other texts: its bytes that are no UTF-8 become \udce9."""
    return name.encode(errors="backslashreplace").decode()


def several(texts: Iterable[str]) -> Iterable[str]:
    """Texts as they are; a bare text is one of them, not as many as it has characters."""
    return [texts] if isinstance(texts, str) else texts
