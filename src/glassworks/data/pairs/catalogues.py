"""Catalogues of translations as gettext has them: .po, which people write, and .mo, which programs read.

Pairs are a message and its translation; of a message with a plural, the singular with the first form and the plural
with the last. Left out are messages without a translation, those marked fuzzy, and those that are obsolete.
"""

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from glassworks.core.errors import FileDamaged

MAGIC = 0x950412DE
CONTEXT = "\x04"
"""Between the context of a message and itself, in .mo files."""
LARGEST = 1 << 28
"""Bytes of a catalogue that are read at most; the largest in use have a few million."""
CHARSET = re.compile(rb"charset=([A-Za-z0-9_\-:.]+)")
ENTRY = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[(\d+)\])?)\s+("(?:[^"\\]|\\.)*")\s*$')
STRING = re.compile(r'"(?:[^"\\]|\\.)*"\s*$')
ESCAPE = re.compile(r"\\(.)")
MEANING = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def messages(file: Path) -> Iterator[tuple[str, str]]:
    """Each message with its translation, in the file's order.

    Raises: ValueError for what is no catalogue, or is in an encoding that it does not name; FileDamaged for a .mo that
    was cut.
    """
    if file.stat().st_size > LARGEST:
        raise ValueError(f"{file} has {file.stat().st_size:,} bytes, and a catalogue {LARGEST:,} at most: split it")
    content = file.read_bytes()
    yield from mo_messages(content, file) if file.suffix.lower() == ".mo" else po_messages(content, file)


def decoded(content: bytes, charset: str, file: Path) -> str:
    """Text of bytes, in the encoding that the catalogue names."""
    try:
        return content.decode(charset)
    except LookupError:
        raise ValueError(f"{file} names an encoding that is none (charset={charset}): correct it") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is not in {charset}, as it should be ({error.reason} at byte {error.start:,}): name its encoding "
            "in its header, as in Content-Type: text/plain; charset=ISO-8859-1, or convert it"
        ) from None


def charset_of(header: bytes) -> str:
    """The encoding that a header names; UTF-8 where it names none, as templates do."""
    found = CHARSET.search(header)
    name = found[1].decode("ascii") if found else "utf-8"
    return "utf-8" if name.lower() in ("charset", "utf-8", "us-ascii", "ascii") else name


def forms(message: str, plural: str | None, translations: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of one entry."""
    yield message, translations[0]
    if plural is not None and len(translations) > 1:
        yield plural, translations[-1]


# ----------------------------------------------------------------------------------------------------------------------


def po_messages(content: bytes, file: Path) -> Iterator[tuple[str, str]]:
    """Of a .po file."""
    text = decoded(content.removeprefix(b"\xef\xbb\xbf"), charset_of(content[:65_536]), file)
    fields: dict[str, str] = {}
    fuzzy, last = False, ""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        begins = line.startswith(("msgid ", "msgctxt ")) and any(name.startswith("msgstr") for name in fields)
        if begins or (line.startswith("#") and any(name.startswith("msgstr") for name in fields)):
            yield from entry(fields, fuzzy)
            fields, fuzzy = {}, False
        if line.startswith("#"):
            fuzzy |= line.startswith("#,") and "fuzzy" in line
        elif found := ENTRY.match(line):
            last = found[1]
            fields[last] = unescaped(found[3])
        elif last in fields and STRING.match(line):
            fields[last] += unescaped(line)
        elif line:
            raise ValueError(
                f"{file}, line {number}, is none of a catalogue ({line[:40]!r}): correct it, or leave it out"
            )
    yield from entry(fields, fuzzy)


def entry(fields: dict[str, str], fuzzy: bool) -> Iterator[tuple[str, str]]:
    """Pairs of one entry of a .po file; none of its header, and none that is not translated."""
    message = fields.get("msgid", "")
    translations = [text for name, text in fields.items() if name.startswith("msgstr")]
    if message and not fuzzy and translations and all(translations):
        yield from forms(message, fields.get("msgid_plural"), translations)


def unescaped(quoted: str) -> str:
    r"""What stands between quotes: "a\n" is a and a line's end."""
    return ESCAPE.sub(lambda match: MEANING.get(match[1], match[1]), quoted.strip()[1:-1])


# ----------------------------------------------------------------------------------------------------------------------


def mo_messages(content: bytes, file: Path) -> Iterator[tuple[str, str]]:
    """Of a .mo file: two tables of (length, offset), of messages and of translations, in either byte order."""
    order = {struct.pack("<I", MAGIC): "<", struct.pack(">I", MAGIC): ">"}.get(content[:4])
    if order is None:
        raise ValueError(f"{file} is no compiled catalogue: it does not begin as .mo files do")
    try:
        count, originals, translations = struct.unpack_from(f"{order}3I", content, 8)
        if 8 * count > len(content):
            raise struct.error("more messages than bytes")
        places = [
            (struct.unpack_from(f"{order}2I", content, originals + 8 * i))
            + (struct.unpack_from(f"{order}2I", content, translations + 8 * i))
            for i in range(count)
        ]
    except struct.error as error:
        raise FileDamaged(f"{file} is damaged ({error}): restore it") from None
    if any(start + length > len(content) for a, b, c, d in places for length, start in ((a, b), (c, d))):
        raise FileDamaged(f"{file} is cut off: restore it")
    raw = [(content[b : b + a], content[d : d + c]) for a, b, c, d in places]
    charset = charset_of(next((translation for message, translation in raw if not message), b""))
    for message, translation in raw:
        if message and translation:
            text = decoded(message, charset, file).rpartition(CONTEXT)[2]
            singular, _, plural = text.partition("\0")
            every = decoded(translation, charset, file).split("\0")
            if singular and all(every):
                yield from forms(singular, plural or None, every)
