"""A tuned lens by least squares: no logits are made, so that a large vocabulary costs nothing (Din et al. 2023).

    target   s · h_L / |h_L|     what the last block leaves, all of one size s, since the last norm takes sizes away
    A, b     minimise  |h + h A + b - target|² + ridge · Σ mean(h_i²) · |A_i|²

The ridge of each layer is that of `RIDGES` which serves every fifth sequence best, on which nothing is fitted. Where
`fit_tuned_lens` would need thousands of steps, of a large model with little text, this is nearer to the prediction.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.core.progress import tracked
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_room
from glassworks.interpret.tokens import check_tokens
from glassworks.interpret.transformer.lens import residual_streams
from glassworks.interpret.transformer.tuned_lens import TunedLens
from glassworks.models.gpt.model import GPT

RIDGES = (1e-6, 1e-4, 1e-2, 1.0)
APART = 5  # every so many sequences one chooses the ridge


@public
@torch.no_grad()
def regress_lens(model: GPT, tokens: Int[Tensor, "N T"], *, batch: int = 8) -> TunedLens:
    """The translators of all layers, from one run over the text.

    Args:
        model: its residual streams are read.
        tokens: at least two sequences; they should hold many more tokens than the stream is wide.
        batch: sequences in memory at once.

    Raises: ValueError for a single sequence, and if the sums would not fit the memory.
    """
    check_tokens(model, tokens)
    if len(tokens) < 2:
        raise ValueError(f"tokens {tuple(tokens.shape)} must be at least two sequences: one chooses the ridge")
    L, C, device = model.config.n_layer, model.config.n_embd, model.embed.weight.device
    check_room(8 * 4 * L * (C + 1) * (2 * C + 1), device, "give a smaller model")
    rest = torch.arange(len(tokens)) % APART == 1
    fitted, chosen = (torch.zeros(L, C + 1, 2 * C + 1, dtype=torch.float64, device=device) for _ in range(2))
    size, done = 0.0, 0
    with tracked("fit the lens", len(tokens)) as report:
        for sums, rows in ((fitted, tokens[~rest]), (chosen, tokens[rest])):
            for some in torch.split(rows, batch):
                streams = residual_streams(model, some).flatten(1, 2).double()  # (L + 1, N, C)
                sizes = streams[-1].norm(dim=-1, keepdim=True)
                size = size or float(sizes.mean())
                inputs = torch.cat([streams[:-1], torch.ones_like(streams[:-1, :, :1])], -1)
                target = (size * streams[-1] / sizes).expand(L, -1, -1)
                sums += inputs.mT @ torch.cat([inputs, target], -1)
                report(done := done + len(some))
    lens = TunedLens(L, C).to(device)
    maps = best(fitted, chosen)
    lens.weight.copy_(maps[:, :C])
    lens.bias.copy_(maps[:, C:])
    lens.fitted = f"by least squares, on {tokens.numel():,} tokens"
    return lens.eval()


def best(fitted: Float[Tensor, "L D DC"], chosen: Float[Tensor, "L D DC"]) -> Float[Tensor, "L D C"]:
    """A and b of each layer with the ridge whose error on the other sums is least.

    Sums are of products of (h, 1) with (h, 1) and with the target, side by side: D = C + 1 and C columns.
    """
    D = fitted.size(1)
    gram, cross = fitted[..., :D], fitted[..., D:]
    eye = torch.eye(D, dtype=gram.dtype, device=gram.device)[:, :-1]  # (D, C): h as it is
    weights = gram.diagonal(dim1=1, dim2=2).clone()
    weights = weights.clamp(min=1e-12 * float(weights.max()))
    weights[:, -1] = 0
    maps, errors = [], []
    # torch.linalg.solve may not return: MKL's LU of a batch waits for ever once the number of threads has changed
    for ridge in RIDGES:
        factor, failed = torch.linalg.cholesky_ex(gram + torch.diag_embed(ridge * weights))
        found = torch.cholesky_solve(cross - gram @ eye, factor)
        whole = found + eye
        error = ((chosen[..., :D] @ whole - 2 * chosen[..., D:]) * whole).sum((1, 2))  # less the target's square
        errors.append(error.masked_fill(failed > 0, torch.inf))
        maps.append(found)
    which = torch.stack(errors).argmin(0)
    return torch.stack(maps)[which, torch.arange(len(which), device=which.device)]
