"""Examples as a corpus: each a document of its tokens, for whatever reads held-out text, such as a look inside."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from glassworks.core.files import atomic_folder, write_sealed_json
from glassworks.data.arrays import file_table
from glassworks.data.dialogues.prepare import Dialogues
from glassworks.data.dialogues.rows import Row
from glassworks.data.dialogues.tokens import Writer
from glassworks.data.prepared import made_once
from glassworks.data.store import SplitWriter
from glassworks.data.text.shards import FORMAT, Corpus, open_corpus


def corpus_of(examples: Dialogues, writer: Writer, root: Path) -> Corpus:
    """The examples as a corpus in a folder of `root`, made if it is not there yet."""
    named = f"{examples.digest} {writer.tokenizer.digest} {writer.chat.source} {writer.n_ctx}"
    folder = root / hashlib.sha256(named.encode()).hexdigest()[:32]
    made_once(folder, lambda: write(folder, examples, writer))
    return open_corpus(folder)


def write(folder: Path, examples: Dialogues, writer: Writer) -> None:
    """Write both splits as token shards."""
    tokenizer = writer.tokenizer
    with atomic_folder(folder) as temporary, ExitStack() as stack:
        meta: dict[str, object] = {}
        for split, rows in (("train", examples.train), ("val", examples.held_out)):
            shards = stack.enter_context(SplitWriter(temporary, split, tokenizer.eot, tokenizer.dtype))
            for number, ids in enumerate(documents(rows, writer)):
                shards.begin(f"example {number}")
                shards.extend(ids, len(tokenizer.decode(ids).encode()))
            meta[split] = shards.finish()
        tokenizer.save(temporary / "tokenizer.json")
        about = {"vocab_size": tokenizer.vocab_size, "dtype": tokenizer.dtype.name, "files": file_table(temporary)}
        meta |= {"format": FORMAT, "digest": folder.name, "split": "document", "lost": 0.0, **about}
        write_sealed_json(temporary / "meta.json", meta)


def documents(rows: list[Row], writer: Writer) -> Iterator[list[int]]:
    """The tokens of each example between its ends of text; of a preference those of what was chosen."""
    eot = writer.tokenizer.eot
    for row in rows:
        best = row.get("chosen", row.get("completion", row["ranked"][0] if "ranked" in row else ""))
        if "text" in row:
            ids = writer.tokenizer.encode(row["text"])
        elif "messages" in row:
            ids = writer.conversation(row["messages"]).ids
        else:
            ids = writer.completed(row["prompt"], best).ids
        ids = ids[ids[:1] == [eot] :]
        yield ids[: len(ids) - (ids[-1:] == [eot])]
