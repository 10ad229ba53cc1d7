"""The Transformer page: a prompt through every vector and matrix of a GPT, with edits on the way."""

from typing import TYPE_CHECKING, Any

from glassworks.studio.networks.shapes import facts_of, norms_of, refuse_beyond, rows_of, unknown_ids
from glassworks.studio.networks.texts import ids_of, open_at, text_models, untrained_at
from glassworks.studio.studio import Studio

if TYPE_CHECKING:
    from glassworks.studio.networks.passes import Window
    from glassworks.train.opening import OpenedText

SHOWN = 50
"""Tokens whose probabilities are listed."""
COLUMNS = 64
"""Columns of a matrix that are sent at once."""


def read(
    studio: Studio, run: str, text: str, step: int | None, written: list[int] | None, start: int | None
) -> "tuple[OpenedText, Window]":
    """The model, and what of a prompt it reads and a page draws; no question by itself."""
    from glassworks.studio.networks.passes import window_of

    opened = open_at(studio, run, step)
    return opened, window_of(ids_of(opened, text, written or ()), opened.model.config.n_ctx, start)


def models(studio: Studio) -> list[dict[str, Any]]:
    """The language models in the folder of runs, newest first, with their checkpoints."""
    return text_models(studio)


def forward(
    studio: Studio,
    run: str,
    text: str,
    step: int | None = None,
    written: list[int] | None = None,
    edits: list[dict[str, Any]] | None = None,
    start: int | None = None,
    position: int | None = None,
) -> dict[str, Any]:
    """A prompt's tokens, every head's pattern, and the logits behind one token, beside those without the edits.

    Args:
        studio: the studio.
        run: the run or the model folder.
        text: the prompt.
        step: a checkpoint's; None = the finished model, or the newest checkpoint.
        written: ids of tokens behind the prompt, as they were sampled.
        edits: what is scaled on the way (`passes.Edit`).
        start: the first token to draw; None = the last ones.
        position: the token whose prediction is wanted, among those that are read; None = the last.
    """
    from glassworks.data.tokenizers.spans import in_order
    from glassworks.studio.networks.passes import logits_at, patterns_of, plain_logits, run_pass

    opened, window = read(studio, run, text, step, written, start)
    model, tokenizer, place = opened.model, opened.tokenizer, window.place(position)
    with studio.computing():
        done = run_pass(model, window, edits or (), blocks=())
        found = logits_at(done, place)
        plain = plain_logits(model, window, place) if edits else None
    listed = found["logits"].topk(min(SHOWN, model.config.vocab_size)).indices.tolist()
    if plain is not None:
        listed = list(dict.fromkeys([*listed, *plain.topk(len(listed)).indices.tolist()]))
    patterns, before = patterns_of(done)
    embed = done.at("embed")
    return {
        "model": facts_of(model),
        "ids": window.ids[window.start : window.stop],
        "tokens": in_order(tokenizer, window.ids)[window.start : window.stop],
        "dropped": window.dropped,
        "start": window.start,
        "read": len(window.ids),
        "ended": window.ids[-1] in tokenizer.ends,
        "position": place,
        "patterns": patterns,
        "before": before,
        "embed": embed,
        "places": model.position.weight[window.drawn] if model.config.architecture == "gpt2" else None,
        **{name: found.get(name) for name in ("stream", "normed", "raw", "logits")},
        "plain": plain,
        "listed": listed,
        "texts": [tokenizer.token(id) for id in listed],
        "unknown": unknown_ids(tokenizer, model.config.vocab_size),
    }


def block(
    studio: Studio,
    run: str,
    text: str,
    block: int,
    step: int | None = None,
    written: list[int] | None = None,
    edits: list[dict[str, Any]] | None = None,
    start: int | None = None,
) -> dict[str, Any]:
    """Every value of a block at the tokens that are drawn: streams, norms, q, k, v, z, neurons, what is added."""
    from glassworks.studio.networks.passes import block_of, run_pass

    opened, window = read(studio, run, text, step, written, start)
    refuse_beyond("block", block, opened.model.config.n_layer)
    with studio.computing():
        return block_of(run_pass(opened.model, window, edits or (), blocks=[block]), block)


def matrix(
    studio: Studio,
    run: str,
    name: str,
    block: int = 0,
    head: int = 0,
    step: int | None = None,
    first: int = 0,
    ids: list[int] | None = None,
) -> dict[str, Any]:
    """A matrix of weights as a vector is multiplied by it, (in, out): some of its columns, and their bias.

    Args:
        studio: the studio.
        run: the run or the model folder.
        name: q, k or v of a head (k and v are of the group that it reads), proj, up, gate, down or unembed.
        block: whose.
        head: whose.
        step: a checkpoint's.
        first: the first column.
        ids: for unembed, the tokens whose columns are wanted.
    """
    model = open_at(studio, run, step).model
    refuse_beyond("block", block, model.config.n_layer)
    refuse_beyond("head", head, model.config.n_head)
    weight, bias = rows_of(model, name, block, head, ids)
    refuse_beyond("first", first, len(weight))
    part = slice(first, first + COLUMNS)
    return {
        "weight": weight[part].t(),
        "bias": None if bias is None else bias[part],
        "first": first,
        "columns": len(weight),
    }


def norms(studio: Studio, run: str, block: int, step: int | None = None) -> dict[str, Any]:
    """Gains and biases of a block's norms and of the last one; None where the architecture has none."""
    model = open_at(studio, run, step).model
    refuse_beyond("block", block, model.config.n_layer)
    return norms_of(model, block)


def lens(
    studio: Studio,
    run: str,
    text: str,
    step: int | None = None,
    written: list[int] | None = None,
    edits: list[dict[str, Any]] | None = None,
    start: int | None = None,
    position: int | None = None,
) -> dict[str, Any]:
    """What each layer would say if it were the last, at every token drawn; and the ranks of one prediction's tokens.

    `rank` and `probability` (L + 1, W, 5) are of the five likeliest tokens of the last layer at `position`;
    `next_rank` (L + 1, W - 1) of the tokens that follow in the text. `kl` (L + 1, W) is KL(last || layer) in nats, and
    `kl_untrained` the same in an untrained network of this shape: its control.
    """
    from glassworks.studio.networks.layers import read_layers_of
    from glassworks.studio.networks.passes import run_pass

    opened, window = read(studio, run, text, step, written, start)
    model, place = opened.model, window.place(position)
    control = untrained_at(studio, run, step)
    with studio.computing():
        found = read_layers_of(run_pass(model, window, edits or (), blocks=()), place)
        found["kl_untrained"] = read_layers_of(run_pass(control, window, blocks=()), place)["kl"]
    names = sorted({int(id) for name in ("top_ids", "watched") for id in found[name].flatten().tolist()})
    return {**found, "ids": names, "texts": [opened.tokenizer.token(id) for id in names]}


READ = 64
"""Tokens before a written one whose part in it is measured: each costs some passes."""


def saliency(
    studio: Studio,
    run: str,
    text: str,
    step: int | None = None,
    written: list[int] | None = None,
    position: int | None = None,
) -> dict[str, Any]:
    """How much each token did for the one at `position` (None = the likeliest next one); see `saliency_of`.

    The control is an untrained network of the same shape, of which the same is asked. Edits are not made here.
    """
    import torch

    from glassworks.data.tokenizers.spans import in_order
    from glassworks.interpret.transformer.saliency import saliency_of

    opened = open_at(studio, run, step)
    model, read = opened.model, ids_of(opened, text, written or ())[-opened.model.config.n_ctx :]
    end = len(read) if position is None else position
    if not isinstance(end, int) or not 1 <= end <= len(read):
        raise ValueError(f"position (={position!r}) must be from 1 to {len(read) - 1}: the first token has no prompt")
    first = max(0, end - READ)
    prompt = torch.tensor(read[first:end])
    with studio.at_length(model, untrained_at(studio, run, step)) as both, torch.no_grad():
        target = read[end] if end < len(read) else int(model(prompt[None], last=True)[0, -1].argmax())
        found, fresh = (saliency_of(of, prompt, target) for of in both)
    names = ("cut", "replaced", "gradient", "log_probability", "correlation")
    return {
        "tokens": in_order(opened.tokenizer, read)[first:end],
        "first": first,
        "target": opened.tokenizer.token(target),
        "model": {name: getattr(found, name) for name in names},
        "untrained": {name: getattr(fresh, name) for name in names},
    }


STOPS = 12
"""Checkpoints that are compared at once, at most."""


def training(
    studio: Studio,
    run: str,
    text: str,
    written: list[int] | None = None,
    position: int | None = None,
) -> dict[str, Any]:
    """What the model says behind one token before training, at its checkpoints, and now; and what really follows.

    `chance` (stop, token) is of tokens that are among the likeliest at some stop, and of the one that follows.
    """
    import torch

    from glassworks.studio.networks.layers import chances_of, likeliest_of
    from glassworks.studio.networks.texts import stops_of

    opened = open_at(studio, run)
    read = ids_of(opened, text, written or ())[-opened.model.config.n_ctx :]
    place = len(read) - 1 if position is None else position
    refuse_beyond("position", place, len(read))
    stops, chances = [], []
    for name, model in stops_of(studio, run, STOPS):
        with studio.computing():
            chances.append(chances_of(model, read[: place + 1]))
        stops.append(name)
    chance = torch.stack(chances)
    follows = read[place + 1] if place + 1 < len(read) else None
    listed = list(dict.fromkeys([*([] if follows is None else [follows]), *likeliest_of(chance)]))[:14]
    return {
        "stops": stops,
        "chance": chance[:, listed],
        "ids": listed,
        "texts": [opened.tokenizer.token(id) for id in listed],
        "follows": follows,
        "loss": None if follows is None else -chance[:, follows].clamp(min=1e-30).log(),
    }
