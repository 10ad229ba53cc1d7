"""Plain text files, in a stream: as one document, or cut into passages."""

import codecs
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

LONGEST = 1 << 26  # bytes of a line or of an uncut file; keeps a gzip bomb or a stray dump from filling the memory
BLOCK = 1 << 16  # larger ones fragment the heap of glibc: peak memory would creep up with the corpus
PASSAGE = 4096  # characters
BLANK_LINE = re.compile(r"\n\r?\n")
LINE_END = re.compile(r"\n")


def text_file(path: Path, name: str, *, cut: bool) -> Iterator[tuple[str, str]]:
    """The file as one document, or cut into passages named `<name>:<line>` whose concatenation is the file."""
    if cut:
        line = 1
        for passage in passages(text_blocks(path)):
            yield f"{name}:{line}", passage
            line += passage.count("\n")
    elif (size := path.stat().st_size) > LONGEST:
        raise ValueError(f"{path} has {size:,} bytes, and one document holds at most {LONGEST:,}: split it")
    else:
        yield name, "".join(text_blocks(path))


def text_blocks(path: Path) -> Iterator[str]:
    """The file's characters, some 64 kB at a time, without a byte-order mark; line ends stay as they are."""
    decoder, offset = codecs.getincrementaldecoder("utf-8-sig")(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if not offset and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise not_text(path, "it begins as UTF-16 does", "utf16")
            if (nul := block.find(b"\0")) >= 0:
                raise binary(path, f"at offset {offset + nul}")
            try:
                yield decoder.decode(block)
            except UnicodeDecodeError as error:
                raise not_text(path, f"{error.reason} near offset {offset + error.start}") from error
            offset += len(block)
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise not_text(path, f"it ends inside a character, at offset {offset}") from error


def not_text(path: Path, reason: str, encoding: str = "latin1") -> ValueError:
    """The one line for a file in another encoding, with the command that converts it if it is in the one named."""
    made = path.with_name(f"{path.stem}.utf8{path.suffix}")
    line = f"iconv -f {encoding} -t utf8 {shlex.quote(str(path))} > {shlex.quote(str(made))}"
    doubt = ", if it is Latin-1" if encoding == "latin1" else ""
    return ValueError(
        f"{path} is not UTF-8 text ({reason}): convert it to UTF-8{doubt} by `{line}`, and move the old file away"
    )


def binary(path: Path, where: str) -> ValueError:
    """The one line for a file that is no text in any encoding but UTF-16 and its like."""
    return ValueError(f"{path} is binary, no text (a NUL byte {where}): leave it out or, if it is UTF-16, convert it")


def passages(blocks: Iterator[str], size: int = PASSAGE) -> Iterator[str]:
    """Cut a stream of text after the first blank line (or else line end) past `size` characters; 2 `size` at most."""
    text = ""
    for block in blocks:
        text, start = text + block, 0
        while len(text) - start >= 2 * size:
            end = cut_point(text, start, size)
            yield text[start:end]
            start = end
        text = text[start:]
    if len(text) > size:
        end = cut_point(text, 0, size // 2)
        yield text[:end]
        text = text[end:]
    if text:
        yield text


def cut_point(text: str, start: int, size: int) -> int:
    """Where the passage that begins at `start` ends."""
    for mark in (BLANK_LINE, LINE_END):
        if found := mark.search(text, start + size, start + 2 * size):
            return found.end()
    return min(start + 2 * size, len(text))
