"""The Translation page: "The Illustrated Transformer" of a run's own encoder-decoder, number by number."""

from typing import Any

from glassworks.studio.networks.named import named
from glassworks.studio.networks.shapes import refuse_beyond
from glassworks.studio.networks.translators import (
    open_pairs_at,
    pair_models,
    steps_for,
    untrained_of,
    wanted_of,
    ways_of,
)
from glassworks.studio.studio import Studio

LIKELIEST = 8
"""Tokens of a distribution that are listed; of the untrained network half as many."""
POSITIONS = 64
"""Positions that are drawn."""


def models(studio: Studio) -> list[dict[str, Any]]:
    """The encoder-decoders in the folder of runs, newest first, with their checkpoints and held-out pairs to try."""
    return pair_models(studio)


def forward(studio: Studio, run: str, text: str, target: str | None = None, step: int | None = None) -> dict[str, Any]:
    """A translation as a whole: tokens, every head's pattern, what comes next at each place, and the searches.

    S tokens are read, T are written with the start, L layers, H heads. The tokens listed, U, are the likeliest of each
    place, of the network and of the untrained one, and those that should come.

    Args:
        studio: the studio.
        run: the run.
        text: the source.
        target: what the decoder reads, as in training; None = what it writes itself.
        step: a checkpoint's; None = the finished model, or the newest checkpoint.
    """
    import torch

    opened = open_pairs_at(studio, run, step)
    found, ways = steps_for(studio, run, text, target, step), ways_of(studio, run)
    arrays, model, token = found.arrays, opened.model, opened.tokenizer.token
    known = wanted_of(studio, run, opened, text) if target is None else target
    wanted = [] if known is None else [*opened.tokenizer.encode(known.strip()), model.config.end_id]
    logits = torch.from_numpy(arrays["logits"])
    listed = listed_of(found, wanted)
    stacks = {"encoder": ("attn", model.encoder), "decoder": ("attn", model.decoder), "cross": ("cross", model.decoder)}
    hypotheses = [found.greedy, *found.beams, *(one for going in found.searched for one in going)]
    told_of = sorted({*listed, *wanted, *(id for one in hypotheses for id in one.ids), model.config.end_id})
    return {
        "model": facts_of(model),
        "source": {"ids": found.source_ids, "tokens": found.source},
        "target": {"ids": found.target_ids, "tokens": found.target},
        "given": target is not None,
        "says": opened.tokenizer.decode(list(found.greedy.ids)),
        "wanted": known,
        "wanted_ids": wanted,
        "patterns": {
            name: [arrays[f"{'decoder' if name == 'cross' else name}.{i}.{sub}.pattern"] for i in range(len(layers))]
            for name, (sub, layers) in stacks.items()
        },
        **{name.replace(".", "_"): arrays[name] for name in EMBEDDINGS},
        "source_input": arrays["source"],
        "written_input": arrays["written"],
        "last": arrays[f"decoder.{len(model.decoder) - 1}.after_mlp.post"],
        "listed": listed,
        "logits": logits[:, listed],
        "log_total": logits.double().logsumexp(-1).float(),
        "probabilities": arrays["probabilities"][:, listed],
        "untrained": arrays["untrained.probabilities"][:, listed],
        "unembed": model.embed.weight[listed],
        "smoothing": ways.label_smoothing,
        "loss": losses_of(arrays["probabilities"], found.target_ids, wanted, ways.label_smoothing),
        "untrained_loss": losses_of(arrays["untrained.probabilities"], found.target_ids, wanted, ways.label_smoothing),
        "of_run": named(studio, run).run is not None,
        "seed": ways.seed,
        "alpha": ways.length_penalty,
        "width_of_beam": ways.beams,
        "greedy": told(found.greedy),
        "beams": [told(one) for one in found.beams],
        "searched": [[told(one) for one in going] for going in found.searched],
        "texts": {id: token(id) for id in told_of},
    }


EMBEDDINGS = ("source.embedding", "source.positions", "written.embedding", "written.positions")


def facts_of(model: Any) -> dict[str, Any]:
    """What a page needs to know of an encoder-decoder's shape."""
    config = model.config
    return {
        "layers": {"encoder": config.n_layer, "decoder": config.decoder_layers},
        "heads": config.n_head,
        "width": config.n_embd,
        "head_width": config.width_of_head,
        "neurons": config.width_of_mlp,
        "activation": config.activation,
        "vocabulary": config.vocab_size,
        "context": config.n_ctx,
        "end": config.end_id,
        "eps": model.encoder[0].after_attn.norm.eps,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def listed_of(found: Any, wanted: list[int]) -> list[int]:
    """The ids of the tokens whose chances are shown: the likeliest of each place, and those written or wanted."""
    ids = {*wanted, *found.target_ids[1:]}
    for name, most in (("probabilities", LIKELIEST), ("untrained.probabilities", LIKELIEST // 2)):
        ids |= set((-found.arrays[name]).argsort(1)[:, :most].flatten().tolist())
    return sorted(ids)


def losses_of(probabilities: Any, read: list[int], wanted: list[int], smoothing: float) -> list[float | None]:
    """The cross-entropy, in nats, of each place against its smoothed one-hot target.

    None where there is no target: beyond its end, and where what was read so far, `read` with the start, is not it.
    """
    import numpy as np

    surprise = -np.log(np.maximum(probabilities.astype("float64"), 1e-38))
    return [
        float((1 - smoothing) * surprise[place, wanted[place]] + smoothing * surprise[place].mean())
        if place < len(wanted) and read[1 : place + 1] == wanted[:place]
        else None
        for place in range(len(surprise))
    ]


def told(found: Any) -> dict[str, Any]:
    """A hypothesis of the search."""
    return {
        "ids": list(found.ids),
        "log_probs": list(found.log_probs),
        "score": found.score,
        "ended": found.ended,
    }


def layer(
    studio: Studio,
    run: str,
    text: str,
    stack: str,
    layer: int,
    target: str | None = None,
    step: int | None = None,
) -> dict[str, Any]:
    """Every tensor of a layer, by its taps ("attn.q", "after_attn.sum", ...), "before" it, and "memory"."""
    model = open_pairs_at(studio, run, step).model
    layers = layers_of(model, stack)
    refuse_beyond("layer", layer, len(layers))
    arrays = steps_for(studio, run, text, target, step).arrays
    start = f"{stack}.{layer}."
    found = {name.removeprefix(start): value for name, value in arrays.items() if name.startswith(start)}
    first = "source" if stack == "encoder" else "written"
    found["before"] = arrays[f"{stack}.{layer - 1}.after_mlp.post" if layer else first]
    if stack == "decoder":
        found["memory"] = arrays[f"encoder.{len(model.encoder) - 1}.after_mlp.post"]
    return found


def layers_of(model: Any, stack: object) -> Any:
    """The layers of a stack; ValueError for what is none."""
    if stack not in ("encoder", "decoder"):
        raise ValueError(f"stack (={stack!r}) must be encoder or decoder: reload the page")
    return getattr(model, str(stack))


def weights(studio: Studio, run: str, stack: str, layer: int, part: str, step: int | None = None) -> dict[str, Any]:
    """The matrices of a sublayer, each as what it is multiplied by from the right, and its norm's gain and bias.

    Of attn and cross W_Q, W_K, W_V (H, C, D) and W_O (H, D, C), of the mlp W_up (C, F) and W_down (F, C); with biases.
    """
    from glassworks.interpret.translation.steps import matrices

    layers = layers_of(open_pairs_at(studio, run, step).model, stack)
    refuse_beyond("layer", layer, len(layers))
    parts = ("attn", "mlp") if stack == "encoder" else ("attn", "cross", "mlp")
    if part not in parts:
        raise ValueError(f"part (={part!r}) must be one of {', '.join(parts)}: reload the page")
    module, norm = getattr(layers[layer], part), getattr(layers[layer], f"after_{part}").norm
    found: dict[str, Any] = {"gain": norm.weight, "bias": norm.bias}
    if part != "mlp":
        return found | matrices(module)
    for name, linear in (("up", module.up), ("down", module.down)):
        found |= {f"W_{name}": linear.weight.t(), f"b_{name}": linear.bias}
    return found


def positions(studio: Studio, run: str, step: int | None = None) -> dict[str, Any]:
    """The first positions (P, C) as the network adds them (sines, then cosines), and with both interleaved."""
    from glassworks.models.seq2seq.positions import sinusoids

    model = open_pairs_at(studio, run, step).model
    count = min(POSITIONS, model.config.n_ctx)
    return {
        "concatenated": model.positions[:count],
        "interleaved": sinusoids(count, model.config.n_embd, interleaved=True),
    }


LARGEST = 2**22
"""Numbers of all layers and their weights that a page of one file holds."""


def page(studio: Studio, run: str, text: str, target: str | None = None, step: int | None = None) -> dict[str, Any]:
    """The page as it stands, as one file that opens without the studio: {"html"}."""
    from glassworks.studio.offline import offline_page

    return {"html": offline_page(f"{run} translates", "translation", whole(studio, run, text, target, step))}


def whole(studio: Studio, run: str, text: str, target: str | None = None, step: int | None = None) -> dict[str, Any]:
    """All that the component shows without a studio; of a large network without its weights."""
    passed = forward(studio, run, text, target, step)
    layers = [(stack, i) for stack, count in passed["model"]["layers"].items() for i in range(count)]
    small = untrained_of(studio, run).embed.weight.shape[1] ** 2 * 12 * len(layers) <= LARGEST
    parts = [(*at, part) for at in layers for part in ("attn", "cross", "mlp") if (at[0], part) != ("encoder", "cross")]
    return {
        "run": run,
        "step": step,
        "text": text,
        "forward": passed,
        "layers": {f"{stack}.{i}": layer(studio, run, text, stack, i, target, step) for stack, i in layers},
        "weights": {f"{s}.{i}.{part}": weights(studio, run, s, i, part, step) for s, i, part in parts} if small else {},
        "positions": positions(studio, run, step),
    }
