"""Every question by its name, and where it is answered: imported when it is first asked."""

QUESTIONS: dict[str, str] = {
    f"{page}.{name}": f"glassworks.studio.questions.{page}:{name}"
    for page, names in {
        "choices": ("about", "offer", "say", "picture", "figures", "judge", "rows"),
        "glossary": ("words",),
        "pages": ("keep", "transformer"),
        "jobs": ("offers", "start", "stop", "resume", "terminal"),
        "runs": ("runs", "run", "compare", "curves", "score", "trace"),
        "transformer": ("models", "forward", "block", "matrix", "norms", "lens", "saliency", "training"),
        "translation": ("models", "forward", "layer", "weights", "positions", "page"),
        "digits": ("network", "forward", "unit"),
        "playground": ("controls", "look", "surface", "graph", "paste", "export"),
        "othello": ("network", "game", "position", "edit", "neuron"),
        "cnn": ("about", "examples", "forward", "explain", "page"),
    }.items()
    for name in names
}
