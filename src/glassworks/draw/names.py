"""Identifiers as words: what settings and methods are called on a page."""

WRITTEN = {
    "kl": "KL", "rms": "RMS", "r2": "R²", "f1": "F1", "std": "deviation", "mlp": "MLP", "cka": "CKA", "svcca": "SVCCA",
    "sae": "SAE", "num": "number of", "top1": "same first token",
}  # fmt: skip
"""Words within a name."""


def words(name: str) -> str:
    """An identifier's parts as words."""
    return " ".join(WRITTEN.get(word, word) for word in name.split("_")).strip() or name


def capital(text: str) -> str:
    """A text with a capital letter first."""
    return f"{text[:1].upper()}{text[1:]}"
