"""The page of `glassworks look`: its header and titles."""

import re

from tests.report.test_run_page import Reader

from glassworks.draw.markup import Markup
from glassworks.interpret.catalogue.methods import METHODS, WINGS
from glassworks.interpret.catalogue.run import Outcome
from glassworks.report.look import Look, page
from glassworks.report.look_text import sentences


def test_tokens_that_are_no_text_are_pale_and_explained() -> None:
    note = "“<|end|>” is no text: it stands between texts."
    read = sentences(["<|end|>", "he", "llo"], ["<|end|>", "hi", "llo"], ["<|end|>"])
    look = Look("a", [], read, [note], "", [])
    html = page(look)
    assert html.count("<small>&lt;|end|&gt;</small>") == 2
    assert "<mark>hi</mark><span>llo</span>" in html
    assert note in Reader(html).text


def test_methods_stand_by_wing_in_the_index_as_below_it() -> None:
    names = ("neuron_examples", "surprise", "probe", "activation_patching", "attention")
    html = page(Look("a", [], Markup(""), [], "", [Outcome(name, None, "no", 1.0) for name in names]))
    ordered = ["surprise", "attention", "activation_patching", "probe", "neuron_examples"]
    assert re.findall(r'href="#(\w+)"', html) == ordered
    assert re.findall(r'<section id="(\w+)"', html) == ordered
    assert {METHODS[name].wing for name in METHODS} == set(WINGS)


def test_methods_that_refuse_still_say_what_they_ask() -> None:
    names = ("mlp_probe", "sae", "logit_lens")
    text = Reader(
        page(Look("a", [], Markup(""), [], "", [Outcome(name, None, "it is too short", 1.0) for name in names]))
    )
    for name in names:
        assert f"{METHODS[name].legend.title}{name}{METHODS[name].legend.question}" in text.text
    assert text.text.count("Not drawn: it is too short") == 3
