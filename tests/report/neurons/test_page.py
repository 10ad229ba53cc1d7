import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.trace.test_neuron_figures import sae_trace

from glassworks.interpret.neurons.directions import latent_directions, neuron_directions
from glassworks.interpret.neurons.effects import neuron_ablation
from glassworks.interpret.neurons.examples import Examples, neuron_examples
from glassworks.interpret.neurons.features import neuron_features
from glassworks.interpret.neurons.latents import latent_examples
from glassworks.interpret.neurons.rule_report import rule_report
from glassworks.interpret.neurons.sae import SAE, SAEConfig
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.report.neurons.page import index_page, neuron_page, write_neuron_pages
from glassworks.trace.neurons.latents import examples_in
from glassworks.trace.neurons.view import Board, Neuron, Neurons
from glassworks.trace.trace import Trace

POINT = "blocks.1.mlp.post"
NAMES = [" the", "<b>", "\n", "a", "é", "", " end", '"', "&amp;"]
VOID = {"meta", "br", "hr"}


def small(architecture: str = "nanochat") -> GPT:
    model = GPT(GPTConfig(architecture=architecture, vocab_size=9, n_ctx=8, n_layer=2, n_head=2, n_embd=8))  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.empty(p.shape).normal_(0, 0.5, generator=generator))
        model.blocks[1].mlp.up.weight[4] = 0  # type: ignore[union-attr]  # a dead neuron
    return model


def data() -> tuple[torch.Tensor, torch.Tensor]:
    tokens = torch.randint(9, (40, 8), generator=torch.Generator().manual_seed(1))
    return tokens, torch.nn.functional.one_hot(tokens, 9).bool()


@pytest.fixture(scope="module")
def neurons() -> Neurons:
    model, (tokens, features) = small(), data()
    chosen = [3, 4, 17]
    few = Examples(k=3, before=3, after=2)
    return Neurons(
        neuron_examples(model, tokens[:30], tokens[30:], POINT, neurons=chosen, examples=few, names=NAMES),
        rules=rule_report(
            model, tokens, features, "blocks.*.mlp.post", names=[f"token {i}" for i in range(9)], depth=2
        ),
        directions=neuron_directions(model, 1, names=NAMES, k=4, probe=torch.eye(8)[:4]),
        ablation=neuron_ablation(model, tokens[30:], POINT, neurons=chosen),
        features=neuron_features(model, tokens, features, POINT, neurons=chosen),
        board=Board(2, {"mine": [0, 1, 2, -1]}, {"mine": [0, 1, 2, 3]}, [5, 6, 7, -1]),
        model="a <small> model",
    )


class Checker(HTMLParser):
    """Follows the tags of a page: all are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.titles: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        found = dict(attrs)
        self.titles += [found["title"] or ""] if "title" in found else []
        self.links += [found["href"] or ""] if "href" in found else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text.append(data)


def read(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert not checker.open
    assert "nan" not in re.sub(r"[a-z]*nan[a-z-]+|[a-z-]+nan", "", " ".join(checker.text).lower())
    return checker


def test_a_page_holds_every_part_and_asks_nothing_of_the_network(neurons: Neurons) -> None:
    page = neuron_page(neurons, 3)
    checker = read(page)
    text = " ".join(checker.text)
    for title in ("Where it fires", "How strongly", "In words", "On the board", "reads and writes", "Does it matter?"):
        assert title in text
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert "a <small> model" in text
    assert "shuffled features" in text
    assert "untrained network" in text


def test_every_coloured_token_tells_its_own_activation(neurons: Neurons) -> None:
    checker = read(neuron_page(neurons, 17))
    trace = neurons.examples
    windows, tokens = trace.arrays["window_activation"][0, 2], trace.arrays["window_token"][0, 2]
    top = [f"{a:.4g}".replace("-", "−") for a, id in zip(windows[0], tokens[0], strict=True) if id >= 0]
    first = checker.titles.index(next(t for t in checker.titles if t.startswith("input "))) + 1
    assert [title.split("” ")[1] for title in checker.titles[first : first + len(top)]] == top
    assert f"{trace.arrays['activation'][0, 2, 0]:.3g}" in checker.text


def test_numbers_at_the_top_are_those_of_the_traces(neurons: Neurons) -> None:
    text = " ".join(read(neuron_page(neurons, 3)).text)
    assert neurons.rules is not None
    assert neurons.ablation is not None
    assert f"{neurons.rules.arrays['r2'][0, 1, 3]:.3f}".replace("-", "−") in text
    assert f"{neurons.ablation.arrays['effect'][0]:+.2g}".replace("-", "−") in text
    assert f"{neurons.examples.arrays['highest'][0, 0]:.3g}" in text


def test_colours_end_at_the_largest_activation_of_all_its_text(neurons: Neurons) -> None:
    trace = neurons.examples
    highest = trace.arrays["highest"] * np.array([[1], [9]])  # (split, neuron): larger on held-out text
    other = replace(neurons, examples=replace(trace, arrays=trace.arrays | {"highest": highest}))
    found = [Neuron(other, number).reach for number in neurons.numbers]
    assert found == pytest.approx([end or 1.0 for end in highest[1].tolist()])


def test_a_dead_neuron_is_said_to_be_dead(neurons: Neurons) -> None:
    text = " ".join(read(neuron_page(neurons, 4)).text)
    assert "A dead neuron" in text
    assert "exactly 0 at every place" in text


def test_the_index_names_every_neuron_and_its_pages_exist(neurons: Neurons, tmp_path: Path) -> None:
    done: list[int] = []
    index = write_neuron_pages(tmp_path / "pages", neurons, report=lambda step, **_: done.append(step))
    assert done == [1, 2, 3]
    checker = read(index.read_text("utf-8"))
    assert checker.links == ["neuron_3.html", "neuron_4.html", "neuron_17.html"]
    for name in checker.links:
        page = read((tmp_path / "pages" / name).read_text("utf-8"))
        for link in page.links:
            assert link.startswith("#") or (tmp_path / "pages" / link).is_file()
    assert "1 of them dead" in " ".join(checker.text)
    again = index.read_bytes()
    assert write_neuron_pages(tmp_path / "pages", neurons).read_bytes() == again


def test_pages_need_no_more_than_examples_and_any_module_will_do() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GELU())
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    neurons = Neurons(neuron_examples(model, x, x, "1"))
    text = " ".join(read(neuron_page(neurons, 2)).text)
    assert "input" in text
    assert "In words" not in text
    assert "Does it matter?" not in text
    read(index_page(neurons))


def test_traces_that_were_saved_make_the_same_page(neurons: Neurons, tmp_path: Path) -> None:
    loaded = {}
    for name in ("examples", "rules", "directions", "ablation", "features"):
        getattr(neurons, name).save(tmp_path / name)
        loaded[name] = Trace.load(tmp_path / name)
    again = Neurons(**loaded, board=neurons.board, model=neurons.model)
    assert neuron_page(again, 3) == neuron_page(neurons, 3)


def test_a_board_draws_the_mean_where_it_fires_less_the_mean(neurons: Neurons) -> None:
    checker = read(neuron_page(neurons, 3))
    assert neurons.features is not None
    change = neurons.features.arrays["firing_mean"][0, 0] - neurons.features.arrays["mean"]
    for at, square in ((0, "A1"), (1, "B1"), (2, "A2")):
        assert f"{square}: {change[at]:.4g}".replace("-", "−") in checker.titles
    assert "B2: no number" in checker.titles


def test_refuses_traces_that_do_not_belong_together(neurons: Neurons) -> None:
    with pytest.raises(ValueError, match="must be one of 'neuron_rules'"):
        Neurons(neurons.examples, rules=neurons.examples)
    other = neuron_ablation(small(), data()[0], "blocks.0.mlp.post", neurons=[1])
    with pytest.raises(ValueError, match=r"ablation \(of 'blocks.0.mlp.post'\) must be of 'blocks.1.mlp.post'"):
        Neurons(neurons.examples, ablation=other)
    with pytest.raises(ValueError, match=r"number \(=5\)"):
        neuron_page(neurons, 5)
    with pytest.raises(ValueError, match=r"mine \(of 3\) must have one entry for each of 4"):
        Board(2, {"mine": [0, 1, 2]})
    wrong = Neurons(neurons.examples, features=neurons.features, board=Board(1, {"mine": [np.int64(99).item()]}))
    with pytest.raises(ValueError, match="number 99"):
        neuron_page(wrong, 3)


def test_latents_of_an_autoencoder_have_pages_as_neurons_have(tmp_path: Path) -> None:
    model, (tokens, _) = small(), data()
    sae = SAE(8, SAEConfig(12, k=2), seed=1)
    few = Examples(k=2, before=3, after=2)
    point = "blocks.1.resid_post"
    found = latent_examples(model, sae, tokens[:30], tokens[30:], point, latents=[2, 5, 7], examples=few, names=NAMES)
    neurons = Neurons(found, directions=latent_directions(model, sae, latents=[2, 5, 7], names=NAMES, k=3))
    index = write_neuron_pages(tmp_path, neurons)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "index.html", "latent_2.html", "latent_5.html", "latent_7.html",
    ]  # fmt: skip
    page = (tmp_path / "latent_5.html").read_text("utf-8")
    assert f"Latent 5 of {point}" in page
    assert "It promotes" in page
    assert 'href="latent_7.html"' in page
    listed = index.read_text("utf-8")
    assert "3 latents" in listed
    assert 'href="latent_2.html"' in listed
    for html in (page, listed):
        assert "neuron" not in re.sub(r"<style>.*?</style>|<script>.*?</script>|class=\"[^\"]*\"", "", html, flags=re.S)
        assert "Neuron" not in html


def test_the_latents_of_an_autoencoders_report_have_pages_too(tmp_path: Path) -> None:
    index = write_neuron_pages(tmp_path, Neurons(examples_in(sae_trace(), 1), model="a network"))
    assert "2 latents, none of them dead." in index.read_text("utf-8")
    assert "Latent 2" in (tmp_path / "latent_2.html").read_text("utf-8")
