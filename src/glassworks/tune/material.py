"""What a method works with: the model that is tuned, its examples and its chat template, opened once for a process."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from glassworks.core.errors import RunError
from glassworks.core.files import at_home, read_text
from glassworks.core.progress import going_on
from glassworks.core.runs import Run
from glassworks.data.dialogues.prepare import Dialogues, open_dialogues, prepare
from glassworks.data.dialogues.tokens import Cut, Tokens, Writer
from glassworks.data.tokenizers.chat import PLAIN, Chat, Template, read_template
from glassworks.models.adapters.digest import digest_of
from glassworks.train.distributed import Ranks
from glassworks.train.opening import OpenedText, open_text
from glassworks.tune.methods import Method, method_named
from glassworks.tune.recipe import TuneRecipe, tune_recipe_of

LONGEST = 512
"""Tokens of an example at most, where the recipe does not say."""


@dataclass(frozen=True, eq=False)
class Material:
    """The model, as it was before, and what it is to learn."""

    recipe: TuneRecipe
    base: OpenedText
    """What is tuned. Its weights stay as they are: a method builds its model on a copy."""
    examples: Dialogues
    template: Template
    place: Ranks = field(default_factory=Ranks)
    run: Run | None = None
    """None until it is begun."""
    cut: Cut = field(default_factory=Cut)
    """How many of the training examples were too long, once they are read."""

    @property
    def method(self) -> Method:
        """How it is tuned."""
        return method_named(self.recipe.method)

    @property
    def n_ctx(self) -> int:
        """The longest example in tokens."""
        return longest(self.recipe, self.base.model.config.n_ctx)

    @cached_property
    def writer(self) -> Writer:
        """What writes examples as tokens."""
        tokenizer = self.base.tokenizer
        return Writer(tokenizer, Chat(tokenizer, self.template), self.n_ctx, self.recipe.learned)

    def sequences(self, split: str) -> list[Tokens]:
        """The texts, completions or conversations of a split, train or held_out, as tokens."""
        found = list(self.writer.sequences(getattr(self.examples, split), self.cut if split == "train" else None))
        if not found:
            raise ValueError(
                f"n_ctx (={self.n_ctx}) leaves nothing to learn of the {split} examples: give a longer one"
            )
        return found


def longest(recipe: TuneRecipe, most: int) -> int:
    """The longest example in tokens, for a model with a context of `most`."""
    asked = recipe.n_ctx or min(LONGEST, most)
    if asked > most:
        raise ValueError(f"n_ctx (={asked}) is more than the model's context, {most}: give no more than that")
    return asked


def material_for(recipe: TuneRecipe, root: Path, place: Ranks) -> Material:
    """What a recipe names, opened for a run that begins: its examples are kept below root/.dialogues."""
    with going_on("load the model to start from"):
        base = open_text(recipe.start_from)
    held_out = (recipe.held_out,) if isinstance(recipe.held_out, str) else recipe.held_out
    examples = prepare(recipe.sources, root / ".dialogues", held_out=held_out)
    place.wait()
    method = method_named(recipe.method)
    if examples.form not in method.forms:
        raise ValueError(
            f"method (={recipe.method!r}) learns from {' or '.join(method.forms)}, and data holds {examples.form}: "
            "give another method, or other data"
        )
    return Material(recipe, base, examples, template_of(recipe, base), place)


def material_of(run: Run, place: Ranks | None = None) -> Material:
    """The same of a run that was begun. RunError where the model or the examples are not as they were then."""
    recipe, record = tune_recipe_of(run), run.record.get("tuning", {})
    base = open_text(recipe.start_from)
    if digest_of(base.model) != record.get("base"):
        raise RunError(
            f"{recipe.start_from} has other weights than when {run.path} was begun: put them back, or start a new run"
        )
    examples = open_dialogues(run.path / record["examples"])
    return Material(recipe, base, examples, Template(**record["template"]), place or Ranks(), run)


def template_of(recipe: TuneRecipe, base: OpenedText) -> Template:
    """The recipe's chat template, the model's own, or one for a model that was taught none."""
    tokenizer = base.tokenizer
    own = read_template(base.path)
    end = tokenizer.inner.id_to_token(tokenizer.eot) or ""
    if recipe.template is not None:
        source = read_text(at_home(recipe.template))
        return Template(source, own.bos if own else end, own.eos if own else end)
    return own or Template(PLAIN, "", end)
