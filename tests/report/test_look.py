"""The page of `glassworks look`: its header and titles."""

from tests.report.test_run_page import Reader

from glassworks.report.look import Look, Part, page


def test_tokens_that_are_no_text_are_pale_and_explained() -> None:
    note = "“<|end|>” is no text: it stands between texts."
    look = Look("a", [], ["<|end|>", "he", "llo"], ["<|end|>", "hi", "llo"], [note], "", [], ["<|end|>"])
    html = page(look)
    assert html.count("<small>&lt;|end|&gt;</small>") == 2
    assert "<mark>hi</mark><span>llo</span>" in html
    assert note in Reader(html).text


def test_methods_are_called_by_words() -> None:
    parts = [Part(name, "what", "how", "", refusal="no") for name in ("mlp_probe", "sae", "logit_lens")]
    titles = [f"<h2>{title}</h2>" for title in ("MLP probe", "SAE", "Logit lens")]
    html = page(Look("a", [], [], [], [], "", parts))
    assert all(title in html for title in titles)
