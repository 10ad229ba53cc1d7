import gettext
import io
import struct
from pathlib import Path

import pytest

from glassworks.core.errors import FileDamaged
from glassworks.data.pairs.catalogues import messages

PO = r"""# A comment
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=n != 1;\n"

#: file.c:1
msgid "File"
msgstr "Datei"

#, fuzzy, c-format
msgid "%d items"
msgstr "%d Sachen"

msgctxt "verb"
msgid "Open\n"
"the \"door\""
msgstr "Öffne\tdie "
"\"Tür\""
msgid "One cat"
msgid_plural "%d cats"
msgstr[0] "Eine Katze"
msgstr[1] "%d Katzen"

msgid "untranslated"
msgstr ""

#~ msgid "Old"
#~ msgstr "Alt"
"""
EXPECTED = [
    ("File", "Datei"),
    ('Open\nthe "door"', 'Öffne\tdie "Tür"'),
    ("One cat", "Eine Katze"),
    ("%d cats", "%d Katzen"),
]


def mo(entries: dict[str, str], order: str = "<", charset: str = "UTF-8") -> bytes:
    """A compiled catalogue, as msgfmt writes one."""
    whole = sorted({"": f"Content-Type: text/plain; charset={charset}\n", **entries}.items())
    originals = [message.encode(charset) for message, _ in whole]
    translations = [translation.encode(charset) for _, translation in whole]
    start = 28 + 16 * len(whole)
    tables, body = b"", b""
    for texts in (originals, translations):
        for text in texts:
            tables += struct.pack(f"{order}2I", len(text), start + len(body))
            body += text + b"\0"
    head = struct.pack(f"{order}7I", 0x950412DE, 0, len(whole), 28, 28 + 8 * len(whole), 0, 0)
    return head + tables + body


def test_a_po_file_gives_its_translated_messages(tmp_path: Path) -> None:
    (tmp_path / "de.po").write_text(PO, encoding="utf-8")
    assert list(messages(tmp_path / "de.po")) == EXPECTED


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    content = 'msgid "a\u2028b\x0cc"\r\nmsgstr "x\u0085y"\r\n'
    (tmp_path / "a.po").write_bytes(content.encode())
    assert list(messages(tmp_path / "a.po")) == [("a\u2028b\x0cc", "x\u0085y")]


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_mo_file_gives_what_pythons_gettext_reads_in_it(tmp_path: Path, order: str) -> None:
    content = mo(
        {"File": "Datei", "verb\x04Open": "Öffne", "One cat\0%d cats": "Eine Katze\0%d Katzen", "x": ""}, order
    )
    known = gettext.GNUTranslations(io.BytesIO(content))
    assert known.gettext("File") == "Datei"
    (tmp_path / "de.mo").write_bytes(content)
    found = dict(messages(tmp_path / "de.mo"))
    assert found == {"File": "Datei", "Open": "Öffne", "One cat": "Eine Katze", "%d cats": "%d Katzen"}


def test_other_encodings_are_read_as_the_header_names_them(tmp_path: Path) -> None:
    (tmp_path / "a.po").write_bytes(PO.replace("UTF-8", "ISO-8859-1").encode("latin-1"))
    assert list(messages(tmp_path / "a.po")) == EXPECTED
    (tmp_path / "a.mo").write_bytes(mo({"Café": "Kaffee"}, charset="ISO-8859-1"))
    assert list(messages(tmp_path / "a.mo")) == [("Café", "Kaffee")]


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("a.po", PO.encode("latin-1"), ValueError, "is not in utf-8, as it should be"),
        ("a.po", PO.replace("UTF-8", "klingon").encode(), ValueError, "names an encoding that is none"),
        ("a.po", b"this is prose\n", ValueError, "line 1, is none of a catalogue"),
        ("a.mo", b"no catalogue", ValueError, "does not begin as .mo files do"),
        ("a.mo", mo({"a": "b"})[:40], FileDamaged, "is damaged"),
        ("a.mo", mo({"a": "b"})[:-3], FileDamaged, "is cut off"),
    ],
)
def test_broken_catalogues_are_named(
    tmp_path: Path, name: str, content: bytes, error: type[Exception], said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=said):
        list(messages(tmp_path / name))
