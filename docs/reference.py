"""The API reference: `make docs` writes a page for every public module, from its signatures and docstrings.

    python docs/reference.py FOLDER

pdoc does it; a warning of its own (an annotation that names nothing, a module that cannot be imported) is an error.
Docstrings are prose with Google's sections, in which a layout of columns or of folders stands as it is typed: such
paragraphs become code, and a `<` is a `<`.
"""

import importlib
import re
import shutil
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from pdoc import doc, docstrings, render

import glassworks

PACKAGE = Path(glassworks.__file__).parent
LAYOUT = re.compile(r"^ {1,3}\S|\S {3,}\S", re.MULTILINE)
"""In a paragraph: a line that begins a little to the right, or words with a gap between them."""
CODE = re.compile(r"(`+.*?`+)", re.DOTALL)
SECTION = re.compile(r"[A-Z]\w+:\n")
docstrings.GOOGLE_LIST_SECTIONS.append("Arrays")  # of a trace


def write(folder: Path, names: Sequence[str]) -> Path:
    """Write the pages of these modules below `folder`, in place of those that are there; returns where to begin."""
    warnings.simplefilter("error")
    warnings.filterwarnings(
        "ignore", r".* for glassworks\.micro\.compiler\.Tape\."
    )  # a named tuple: pdoc knows no names
    shutil.rmtree(folder, ignore_errors=True)
    render.configure(show_source=False, footer_text=f"Glassworks {glassworks.__version__}")
    render.env.filters["to_markdown"] = to_markdown
    for name in glassworks.__all__:
        getattr(glassworks, name)  # short names are looked up when they are first asked for
    modules = {name: doc.Module(importlib.import_module(name)) for name in names}
    for name, module in modules.items():
        inside = [other for path, other in modules.items() if path.rpartition(".")[0] == name]
        vars(module)["submodules"] = inside  # all of them, though a package lists some names of its own in __all__
        page = folder / f"{name.replace('.', '/')}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(render.html_module(module, modules), "utf-8")
    (folder / "search.js").write_text(render.search_index(modules), "utf-8")
    (folder / "index.html").write_text(render.html_index(modules), "utf-8")
    return folder / "index.html"


def public() -> list[str]:
    """Every module that is for use from Python, by its dotted name; `glassworks --help` is the reference of cli."""
    paths = [path.relative_to(PACKAGE.parent).with_suffix("") for path in sorted(PACKAGE.rglob("*.py"))]
    every = [".".join(path.parts).removesuffix(".__init__") for path in paths]
    return [name for name in every if "__main__" not in name and not name.startswith("glassworks.cli")]


def to_markdown(docstring: str) -> str:
    """A docstring as the Markdown that shows it as it is written."""
    return docstrings.google("\n\n".join(map(paragraph, docstring.split("\n\n"))))


def paragraph(text: str) -> str:
    """One paragraph: a layout becomes a block of code, in prose nothing is markup but what is between backticks."""
    if SECTION.match(text) or text.startswith("- "):
        return escaped(text)
    if text.startswith(("    ", ">>> ")):  # code already
        return text
    if LAYOUT.search(CODE.sub("_", text)):
        return "\n".join(f"    {line}" for line in text.split("\n"))
    return escaped(text)


def escaped(text: str) -> str:
    """Text in which a `<` outside of code begins no tag."""
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in CODE.split(text))


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), public()))
