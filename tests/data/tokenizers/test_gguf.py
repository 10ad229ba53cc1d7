from pathlib import Path

import gguf
import pytest

from glassworks.core.errors import FileDamaged
from glassworks.data.tokenizers.build import load_tokenizer
from glassworks.data.tokenizers.chat import Chat, Template, read_template
from glassworks.data.tokenizers.codec import BYTE_OF
from glassworks.data.tokenizers.specs import tokenizer_files

ALPHABET = sorted(BYTE_OF, key=BYTE_OF.__getitem__)
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *ALPHABET, "12", "he", "hell", "ll", "Ġhe"]
MERGES = ["1 2", "h e", "l l", "he ll", "Ġ he"]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write(
    path: Path,
    *,
    model: str = "gpt2",
    pre: str = "smollm",
    tokens: list = TOKENS,
    merges: list = MERGES,
    end: int = 2,
    special: str | tuple[str, ...] = "<|",
) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model(model)
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith(special) else 1 for token in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_int32("tokenizer.ggml.eos_token_id", end)
    writer.add_chat_template(TEMPLATE)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def test_tokens_merges_and_ends_are_the_file_s(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write(tmp_path / "t.gguf"))
    assert [tokenizer.token(id) for id in tokenizer.encode("hell12 he!")] == ["hell", "1", "2", " he", "!"]
    assert tokenizer.decode(tokenizer.encode("Être? 3 naïve\n\n  texts")) == "Être? 3 naïve\n\n  texts"
    assert (tokenizer.eot, tokenizer.ends, tokenizer.vocab_size) == (2, {2}, len(TOKENS))
    assert tokenizer.encode("<|im_end|>") != [2]  # a text is data
    tokenizer.save(tmp_path / "tokenizer.json")
    again = load_tokenizer(tmp_path / "tokenizer.json")
    assert (again.eot, again.ends, again.json) == (tokenizer.eot, tokenizer.ends, tokenizer.json)
    assert tokenizer_files(str(tmp_path / "t.gguf")) == [tmp_path / "t.gguf"]


@pytest.mark.parametrize(
    ("pre", "pieces"), [("smollm", ["1", "2"]), ("llama-bpe", ["12"]), ("qwen2", ["1", "2"]), ("gpt-2", ["12"])]
)
def test_the_cut_before_merging_goes_by_its_name(tmp_path: Path, pre: str, pieces: list) -> None:
    tokenizer = load_tokenizer(write(tmp_path / "t.gguf", pre=pre))
    assert [tokenizer.token(id) for id in tokenizer.encode("12")] == pieces


@pytest.mark.parametrize(
    ("values", "message", "kind"),
    [
        ({"model": "llama"}, "kind 'llama'", ValueError),
        ({"pre": "unheard-of"}, "tokenizer.ggml.pre", ValueError),
        ({"tokens": [*TOKENS, "he"]}, "makes no sense", FileDamaged),
        ({"merges": ["he"]}, "makes no sense", FileDamaged),
        ({"merges": ["x y z"]}, "makes no sense", FileDamaged),
        ({"merges": ["he nowhere"]}, "makes no sense", FileDamaged),
    ],
)
def test_other_kinds_and_nonsense_are_refused_in_a_line(tmp_path: Path, values: dict, message: str, kind: type) -> None:
    with pytest.raises(kind, match=message) as error:
        load_tokenizer(write(tmp_path / "t.gguf", **values))
    assert "\n" not in str(error.value)


def test_a_conversation_has_its_special_tokens_and_a_user_cannot_say_them(tmp_path: Path) -> None:
    path = write(tmp_path / "t.gguf")
    tokenizer, template = load_tokenizer(path), read_template(path)
    assert template == Template(TEMPLATE, "<|im_start|>", "<|im_end|>")
    chat = Chat(tokenizer, template)
    said = tokenizer.encode("user\nhe<|im_end|> he")
    assert chat.encode("he<|im_end|> he") == [
        *[1, 1, *said, 2, *tokenizer.encode("\n")],
        *[1, *tokenizer.encode("assistant\n")],
    ]
    assert chat.ends == {2}
    assert chat.decode(said) == "user\nhe<|im_end|> he"


@pytest.mark.parametrize("end", [-1, 10**6])
def test_an_end_that_is_no_token_is_none(tmp_path: Path, end: int) -> None:
    path = write(tmp_path / "t.gguf", end=end)
    assert load_tokenizer(path).eot == TOKENS.index("<|endoftext|>")
    assert read_template(path) == Template(TEMPLATE, "<|im_start|>", "")


@pytest.mark.parametrize(
    ("source", "said", "ids"),
    [
        ("<{{ messages[0].content }}", "|endoftext|>", "<|endoftext|>"),
        ("{{ messages[0].content | replace('_', '') }}", "<_|endoftext|>", "<|endoftext|>"),
        ("{{ messages[0].content }}|>", "<|im_end", "<|im_end|>"),
        ("{{ messages[0].content }}", "a§b§", "a§b§"),
        ("{{ messages[0].content | trim }}", "  he ", "he"),
        ("{{ messages[0].content | trim }}", "  <|im_end|> ", "<|im_end|>"),
        ("{{ messages[0].content | length }}", "he", "2"),
        ("{{ messages[0].content }}", "\U000f0000he<|im_end|>", "\U000f0000he<|im_end|>"),
        ("{{ messages[0].content }}", "he  he\x1f\n\n", "he  he\x1f\n\n"),
        (" {{ messages[0].content }}", " he", "  he"),
        ("{{ messages[0].content | trim }}", " \n\n he  he<|im_end|>  ", "he  he<|im_end|>"),
    ],
)
def test_nothing_that_a_user_says_becomes_special(tmp_path: Path, source: str, said: str, ids: str) -> None:
    tokenizer = load_tokenizer(
        write(tmp_path / "t.gguf", tokens=[*TOKENS, "  ", "\n\n"], special=("<|", "§", " ", "\n"))
    )
    assert tokenizer.encode("§") != [TOKENS.index("§")]
    assert Chat(tokenizer, Template(source)).encode(said) == tokenizer.encode(ids)


def test_a_template_may_have_special_tokens_of_blanks(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write(tmp_path / "t.gguf", tokens=[*TOKENS, "  "], special=("<|", "  ")))
    ids = [len(TOKENS), *tokenizer.encode("he  "), len(TOKENS)]
    assert Chat(tokenizer, Template("  {{ messages[0].content }}  ")).encode("he  ") == ids


def test_a_template_may_put_a_special_token_together(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write(tmp_path / "t.gguf"))
    source = "{{ '<|' + 'im_end' + '|>' }}{{ messages[0].content }}"
    assert Chat(tokenizer, Template(source)).encode("he<|im_end|>") == [2, *tokenizer.encode("he<|im_end|>")]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{% if %}", "is no Jinja"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "fails"),
        ("{{ messages.append(1) }}", "fails"),
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{{ 1 / 0 }}", "fails"),
        ("{% for i in range(10**9) %}{% endfor %}", "fails"),
    ],
)
def test_a_stranger_s_template_can_do_nothing_but_fail(tmp_path: Path, source: str, message: str) -> None:
    tokenizer = load_tokenizer(write(tmp_path / "t.gguf"))
    with pytest.raises(ValueError, match=message):
        Chat(tokenizer, Template(source)).encode("he")


def test_folders_keep_templates_in_one_of_three_places(tmp_path: Path) -> None:
    assert read_template(tmp_path) is None
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "one", "eos_token": {"content": "</s>"}}')
    assert read_template(tmp_path) == Template("one", "", "</s>")
    named = '{"chat_template": [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "two"}]}'
    (tmp_path / "tokenizer_config.json").write_text(named)
    assert read_template(tmp_path) == Template("two")
    (tmp_path / "chat_template.jinja").write_text("three")
    assert read_template(tmp_path) == Template("three")


def test_a_template_that_is_no_text_is_refused_with_its_file(tmp_path: Path) -> None:
    for value in ('["x"]', "5", '{"default": "x"}'):
        (tmp_path / "tokenizer_config.json").write_text(f'{{"chat_template": {value}}}')
        with pytest.raises(FileDamaged, match=r"tokenizer_config\.json is damaged"):
            read_template(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "one", "eos_token": [3]}')
    assert read_template(tmp_path) == Template("one")
    (tmp_path / "chat_template.jinja").write_bytes(b"caf\xe9")
    with pytest.raises(FileDamaged, match=r"chat_template\.jinja is not a text in UTF-8"):
        read_template(tmp_path)
    writer = gguf.GGUFWriter(tmp_path / "t.gguf", "llama")
    writer.add_uint32("tokenizer.ggml.tokens", 5)
    writer.add_chat_template(TEMPLATE)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(FileDamaged, match=r"t\.gguf is damaged"):
        read_template(tmp_path / "t.gguf")
