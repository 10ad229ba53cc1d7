import errno
import json
import multiprocessing
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from glassworks.core.errors import FileDamaged
from glassworks.data.store import Tokens
from glassworks.data.text import shards
from glassworks.data.text.corpora import documents
from glassworks.data.text.reading import Reading, described
from glassworks.data.text.shards import Corpus, open_corpus, prepare
from glassworks.data.text.splits import PIECE, Splitter

DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture
def source(tmp_path: Path) -> str:
    """Forty documents, one of them longer than a piece."""
    return written(tmp_path / "source" / "rows.jsonl", 40_000)


@pytest.fixture
def short(tmp_path: Path) -> str:
    """Forty documents of which none is so long."""
    return written(tmp_path / "short" / "rows.jsonl", 2_000)


def written(path: Path, functions: int) -> str:
    path.parent.mkdir()
    rows = [f"Document {i} naïve {'word ' * (i % 7)}\n" * (1 + i % 5) for i in range(39)]
    rows.append("".join(f"def f_{i}(x):\n    return x + {i}\n\n\n" for i in range(functions)))
    path.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def text_of(corpus: Corpus, tokens: Tokens, document: int) -> str:
    start, end = int(tokens.starts[document]), int(tokens.starts[document + 1])
    assert tokens.read(start, 1)[0] == corpus.tokenizer.eot
    return corpus.tokenizer.decode(tokens.read(start + 1, end - start - 1).tolist())


@pytest.mark.parametrize("spec", ["bytes", "chars", "bpe:400"])
def test_every_document_is_in_one_split_whole_with_its_name_and_size(source: str, tmp_path: Path, spec: str) -> None:
    corpus = prepare(source, spec, tmp_path / "corpora", held_out=0.2)
    found = {}
    for tokens in (corpus.train, corpus.val):
        assert tokens.num_documents > 3
        for document in range(tokens.num_documents):
            text = text_of(corpus, tokens, document)
            assert tokens.num_bytes[document] == len(text.encode())
            found[tokens.names(document)] = text
    assert corpus.train.num_documents + corpus.val.num_documents == len(found)
    assert found == {document.name: document.text for document in documents(source)}


@pytest.mark.parametrize("spec", ["bpe:400", f"gpt2:{DATA}"])
def test_a_document_cut_into_pieces_has_the_ids_of_the_whole(source: str, tmp_path: Path, spec: str) -> None:
    if spec.startswith("gpt2") and not DATA.exists():
        pytest.skip(f"GPT-2's vocabulary files are not in {DATA}")
    corpus = prepare(source, spec, tmp_path / "corpora", held_out=source)
    longest = list(documents(source))[-1]
    assert len(longest.text) > PIECE
    start, end = corpus.val.starts[-2:].tolist()
    assert corpus.val.read(start + 1, end - start - 1).tolist() == corpus.tokenizer.encode(longest.text)


def test_the_split_depends_on_each_document_alone(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    held_out = []
    for count in (400, 800):
        path.write_text("".join(f'{{"text": "row {i}"}}\n' for i in range(count)), encoding="utf-8")
        corpus = prepare(str(path), "bytes", tmp_path / "corpora", held_out=0.25)
        held_out.append({corpus.val.names(i) for i in range(corpus.val.num_documents)})
    few, many = held_out
    assert few == {name for name in many if int(name.partition(":")[2]) <= 400}
    assert 150 < len(many) < 250
    by_position = sorted(int(name.partition(":")[2]) for name in many)
    assert by_position[0] < 40
    assert by_position[-1] > 760
    assert max(b - a for a, b in pairwise(by_position)) < 60


@pytest.mark.parametrize("held_out", [1e-9, 0.5, 1 - 1e-9])
def test_neither_split_is_empty_from_two_documents_on(tmp_path: Path, held_out: float) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b"}\n', encoding="utf-8")
    corpus = prepare(str(path), "bytes", tmp_path / "corpora", held_out=held_out)
    assert (corpus.train.num_documents, corpus.val.num_documents) == (1, 1)


def test_one_document_cannot_be_split_and_the_remedy_works(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "only one"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="holds one document, and a split by document needs two"):
        prepare(str(path), "bytes", tmp_path / "corpora")
    assert prepare(str(path), "bytes", tmp_path / "corpora", split="tail").val.num_tokens == 2
    assert prepare(str(path), "bytes", tmp_path / "corpora", held_out=str(path)).val.num_documents == 1


@pytest.mark.parametrize("held_out", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(source: str, tmp_path: Path, held_out: float) -> None:
    with pytest.raises(ValueError, match="held_out"):
        prepare(source, "bytes", tmp_path, held_out=held_out)
    with pytest.raises(ValueError, match="must be a fraction for split"):
        prepare(source, "bytes", tmp_path, held_out=source, split="tail")


@pytest.mark.skipif(not DATA.exists(), reason=f"tiny Shakespeare is not in {DATA}")
def test_the_tail_split_is_that_of_nanogpt(tmp_path: Path) -> None:
    path = DATA / "tinyshakespeare.txt"
    corpus = prepare(str(path), "chars", tmp_path, held_out=0.1, split="tail")
    text = path.read_text(encoding="utf-8")
    cut = int(0.9 * len(text))
    alphabet = sorted(set(text))
    for tokens, part in ((corpus.train, text[:cut]), (corpus.val, text[cut:])):
        assert tokens.num_documents == 1
        assert text_of(corpus, tokens, 0) == part
        assert tokens.read(1, 50).tolist() == [alphabet.index(c) for c in part[:50]]


def test_a_source_of_its_own_can_be_held_out(source: str, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("ünseen", encoding="utf-8")
    corpus = prepare(source, "chars", tmp_path / "corpora", held_out=str(other))
    assert (corpus.train.num_documents, corpus.val.num_documents) == (40, 1)
    assert text_of(corpus, corpus.val, 0) == "ünseen"  # its letters are in the alphabet


def test_bpe_does_not_see_the_held_out_split(tmp_path: Path) -> None:
    train, val = tmp_path / "train.txt", tmp_path / "val.txt"
    train.write_text("abab " * 50, encoding="utf-8")
    val.write_text("xyxy " * 500, encoding="utf-8")
    corpus = prepare(str(train), "bpe:300", tmp_path / "corpora", held_out=str(val))
    tokens = {corpus.tokenizer.token(id) for id in range(corpus.tokenizer.vocab_size)}
    assert "ab" in tokens
    assert "xy" not in tokens


# ----------------------------------------------------------------------------------------------------------------------
# The folder


def test_an_unchanged_corpus_is_opened_and_a_changed_one_made_again(source: str, tmp_path: Path) -> None:
    first = prepare(source, "bytes", tmp_path / "corpora")
    written = (first.path / "meta.json").stat().st_mtime_ns
    again = prepare(source, "bytes", tmp_path / "corpora")
    assert (again.path, (again.path / "meta.json").stat().st_mtime_ns) == (first.path, written)
    os.utime(source, ns=(1, 1))
    others = [
        prepare(source, "bytes", tmp_path / "corpora"),
        prepare(source, "chars", tmp_path / "corpora"),
        prepare(source, "bytes", tmp_path / "corpora", held_out=0.3),
        prepare(source, "bytes", tmp_path / "corpora", split="tail"),
    ]
    assert len({first.digest, *(corpus.digest for corpus in others)}) == 5


def test_the_same_corpus_is_the_same_bytes(source: str, tmp_path: Path) -> None:
    files = [prepare(source, "bpe:400", tmp_path / name).meta["files"] for name in ("a", "b")]
    assert files[0] == files[1]


def test_a_tokenizer_file_that_changes_makes_another_corpus(short: str, tmp_path: Path) -> None:
    first = prepare(short, "bpe:300", tmp_path / "corpora")
    own = tmp_path / "tokenizer.json"
    digests = set()
    for size in (300, 280):
        prepare(short, f"bpe:{size}", tmp_path / "corpora").tokenizer.save(own)
        corpus = prepare(short, str(own), tmp_path / "corpora")
        assert corpus.tokenizer.vocab_size == size
        digests.add(corpus.digest)
    assert len(digests) == 2
    assert (first.train.read(0, 500) == prepare(short, str(first.path), tmp_path / "corpora").train.read(0, 500)).all()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bpe", "must say its vocabulary size"),
        ("bpe:many", "must say its vocabulary size"),
        ("bpe:10", "must have at least 257 tokens"),
        ("bpe:99999999999", "must have at most 1,048,576 tokens"),
        ("chars:3", "must be bytes, chars, bpe:<vocab_size>"),
        ("words", "must be bytes, chars, bpe:<vocab_size>"),
        ("gpt2:/nowhere", "there is no encoder.json"),
    ],
)
def test_a_tokenizer_that_cannot_be_had_is_refused(source: str, tmp_path: Path, spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(source, spec, tmp_path / "corpora")


def every_file(corpus: Corpus) -> list[Path]:
    return sorted(path for path in corpus.path.iterdir() if path.is_file())


def touch_all(path: Path) -> None:
    corpus = open_corpus(path)
    for tokens in (corpus.train, corpus.val):
        _ = tokens.read(0, tokens.num_tokens), tokens.starts, tokens.num_bytes, tokens.names(0)


def test_a_flipped_bit_a_lost_byte_or_a_lost_file_is_found_in_any_file(source: str, tmp_path: Path) -> None:
    corpus = prepare(source, "bytes", tmp_path / "corpora")
    touch_all(corpus.path)
    assert len(every_file(corpus)) == 12
    for path in every_file(corpus):
        content = path.read_bytes()
        for damaged in (content[:-2], content[: len(content) // 2], b""):
            path.write_bytes(damaged)
            with pytest.raises(FileDamaged, match=str(path)):
                open_corpus(corpus.path)
        for place in (0, len(content) // 3, len(content) // 2, len(content) - 3):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            with pytest.raises(FileDamaged, match=str(path)):
                touch_all(corpus.path)
        path.unlink()
        with pytest.raises((FileDamaged, ValueError), match=path.name):
            open_corpus(corpus.path)
        path.write_bytes(content)
    touch_all(corpus.path)


def test_the_remedy_for_damage_works(source: str, tmp_path: Path) -> None:
    corpus = prepare(source, "bytes", tmp_path / "corpora")
    for path in every_file(corpus):
        path.unlink()
    assert prepare(source, "bytes", tmp_path / "corpora").meta == corpus.meta


def test_a_folder_that_is_no_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a prepared corpus"):
        open_corpus(tmp_path)


def test_processes_that_prepare_the_same_corpus_at_once_all_get_it(source: str, tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        found = pool.starmap(prepare_and_sum, [(source, tmp_path / "corpora")] * 4)
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "corpora").iterdir() if not path.name.startswith(".")] == [found[0][0]]
    assert not list((tmp_path / "corpora").glob(".*.tmp"))


def prepare_and_sum(source: str, root: Path) -> tuple[str, int]:
    corpus = prepare(source, "bytes", root)
    return corpus.digest, int(corpus.train.read(0, corpus.train.num_tokens).sum())


def test_what_a_killed_process_left_is_removed(source: str, tmp_path: Path) -> None:
    digest = prepare(source, "bytes", tmp_path / "first").digest
    left_over = tmp_path / "second" / f".{digest}.abc.tmp"
    left_over.mkdir(parents=True)
    (left_over / "train_000.npy").write_bytes(b"half")
    prepare(source, "bytes", tmp_path / "second")
    assert not left_over.exists()


def test_a_full_disk_leaves_nothing_behind(source: str, tmp_path: Path) -> None:
    limited = (
        "import resource, signal, sys\n"
        "from glassworks.data.text.shards import prepare\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))\n"
        "try:\n    prepare(sys.argv[1], 'bytes', sys.argv[2])\nexcept OSError as error:\n    sys.exit(error.errno)\n"
    )
    root = tmp_path / "corpora"
    done = subprocess.run([sys.executable, "-c", limited, source, str(root)], check=False)
    assert done.returncode == errno.EFBIG
    assert [path.suffix for path in root.iterdir()] == [".lock"]
    assert prepare(source, "bytes", root).train.num_documents > 0


def test_a_source_that_changes_while_it_is_read_is_noticed(source: str, tmp_path: Path) -> None:
    digest = shards.digest_of(source, "bytes", 0.05, "document", Reading())
    splitter = Splitter(source, 0.05, "document")
    with Path(source).open("a", encoding="utf-8") as file:
        file.write('{"text": "one more"}\n')
    with pytest.raises(shards.RunError, match="changed while it was read"):
        shards.write_corpus(tmp_path / digest, splitter, "bytes")
    assert not (tmp_path / digest).exists()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np, resource\n"
        "from glassworks.data.text.shards import prepare\n"
        "from glassworks.data.batches import Windows\n"
        "corpus = prepare(sys.argv[1], 'bytes', sys.argv[2])\n"
        "windows = Windows(corpus.train, 64, 256, 0)\n"
        "for step in range(300): windows(step)\n"
        "for start in range(0, corpus.train.num_tokens - 10**6, 10**6): corpus.train.read(start, 10**6)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    unit = 1 if sys.platform == "darwin" else 1024
    peaks = []
    for copies in (1, 10):
        path = tmp_path / f"{copies}.txt"
        with path.open("w", encoding="utf-8") as file:
            for i in range(copies * 10):
                file.write(f"line {i} of a text that is long enough\n" * 25_000)
        done = subprocess.run(
            [sys.executable, "-c", code, str(path), str(tmp_path / "corpora")],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        peaks.append(int(done.stdout) * unit)
    assert peaks[1] - peaks[0] < 100e6


def test_positions_and_sizes_are_arrays_of_their_documented_shape(source: str, tmp_path: Path) -> None:
    tokens = prepare(source, "bytes", tmp_path).train
    assert tokens.starts.shape == (tokens.num_documents + 1,)
    assert tokens.num_bytes.shape == (tokens.num_documents,)
    assert (np.diff(tokens.starts) == tokens.num_bytes + 1).all()  # a token a byte


def test_columns_taken_and_files_left_out_are_in_the_meta_and_in_the_digest(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    for name in "ab":
        rows = "".join(json.dumps({"body": f"{name} {i}", "n": i}) + "\n" for i in range(9))
        (folder / f"{name}.jsonl").write_text(rows, encoding="utf-8")
    (folder / "broken.txt").write_bytes(b"\0")
    (folder / "t.csv").write_text("id,text\n1,one\n", encoding="utf-8")
    for held_out in (0.3, [str(folder / "a.jsonl")]):
        corpus = prepare(str(folder), "bytes", tmp_path / "corpora", held_out=held_out, skip_unreadable=True)
        assert corpus.meta["columns"] == [{"column": "body", "files": 2, "first": "a.jsonl"}]
        assert [row["name"] for row in corpus.meta["skipped"]] == ["broken.txt"]
        first, second, third = described(open_corpus(corpus.path).meta)[-3:]
        assert first == 'the column "body" of a.jsonl and 1 more'
        assert third.startswith("passed over: 1 .csv; ")
        assert second.startswith("left out: broken.txt (")
        assert "binary, no text" in second
    sources = [str(folder / "a.jsonl"), str(folder / "t.csv")]
    several = prepare(sources, "bytes", tmp_path / "corpora", held_out=0.3)
    assert several.meta["source"] == sources
    assert "read as plain text, header and all, since no column was asked for: t.csv" in described(several.meta)
    assert described({}) == []  # a corpus of an earlier version
    named = prepare(sources[0], "bytes", tmp_path / "corpora", held_out=0.3, column="body")
    assert named.digest != prepare(sources[0], "bytes", tmp_path / "corpora", held_out=0.3).digest
