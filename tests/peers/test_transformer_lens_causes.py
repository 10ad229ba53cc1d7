"""What patching and edge attribution find in a GPT-2 equals what TransformerLens finds with the same weights.

`make peers` installs TransformerLens into an environment of its own; then
.venv-peers/bin/python -m pytest -m peer tests/peers/test_transformer_lens_causes.py
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from glassworks.interpret.causes.edge_attribution import edge_attribution
from glassworks.interpret.causes.graph import Graph
from glassworks.interpret.causes.metrics import logit_difference
from glassworks.interpret.causes.patching import activation_patching
from glassworks.interpret.causes.paths import path_patching
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import save_model

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]
V, T, L, H, C = 61, 7, 2, 4, 32
RIGHT, WRONG = 3, 8


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[GPT, Any]:
    """One random GPT-2 twice, with the weights as they are."""
    pytest.importorskip("transformer_lens")
    import transformers
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformer_lens.model_bridge import TransformerBridge

    model, generator = GPT(GPTConfig("gpt2", V, 32, L, H, C)), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.empty(p.shape).normal_(0, 0.3, generator=generator))
    folder: Path = tmp_path_factory.mktemp("peer") / "model"
    save_model(model, folder)
    theirs = transformers.GPT2LMHeadModel.from_pretrained(folder).eval()
    # The bridge asks for a tokenizer, and would download one; all inputs here are tokens already.
    words = transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"a": 0})), eos_token="a")
    bridge = TransformerBridge.boot_transformers("gpt2", hf_model=theirs, device="cpu", tokenizer=words)
    return model, bridge.eval()


def inputs() -> tuple[Tensor, Tensor]:
    clean, corrupt = torch.randint(V, (2, 1, T), generator=torch.Generator().manual_seed(1))
    return clean, corrupt


def their_metric(logits: Tensor) -> Tensor:
    return logits[0, -1, RIGHT] - logits[0, -1, WRONG]


METRIC = logit_difference(torch.tensor([RIGHT]), torch.tensor([WRONG]))
STREAMS = {"resid_pre": "resid_pre", "resid_mid": "resid_mid", "attn_out": "attn_out", "mlp_out": "mlp_out"}
HEADS = {"z": "out", "q": "q", "k": "k", "v": "v", "pattern": "pattern"}


@pytest.mark.parametrize("site", [*STREAMS, *HEADS])
def test_sweeps(both: tuple[GPT, Any], site: str) -> None:
    from transformer_lens import patching

    model, bridge = both
    clean, corrupt = inputs()
    with torch.no_grad():
        _, cache = bridge.run_with_cache(clean)
        name = f"get_act_patch_attn_head_{HEADS[site]}_by_pos" if site in HEADS else f"get_act_patch_{STREAMS[site]}"
        theirs = getattr(patching, name)(bridge, corrupt, cache, their_metric)
    ours = activation_patching(model, clean, corrupt, METRIC, sites=site, controls=0).arrays[f"{site}_metric"][..., 0]
    # theirs are (layer, position[, head]), but patterns (layer, head, position)
    order = (0, 2, 1) if site in HEADS and site != "pattern" else tuple(range(theirs.ndim))
    np.testing.assert_allclose(ours, theirs.permute(order), rtol=1e-4, atol=1e-4)


def test_direct_paths(both: tuple[GPT, Any]) -> None:
    from transformer_lens import patching

    model, bridge = both
    clean, corrupt = inputs()
    readers = [f"a1.h{head}.{part}" for part in "qkv" for head in range(H)]
    trace = path_patching(model, clean, corrupt, METRIC, writers="a0.h2", readers=readers)
    with torch.no_grad():
        _, cleaned = bridge.run_with_cache(clean)
        _, corrupted = bridge.run_with_cache(corrupt)
        for part in "qkv":
            theirs = patching.get_act_patch_direct_path(
                bridge,
                corrupt,
                cleaned,
                corrupted,
                their_metric,
                src_layer=0,
                src_head=2,
                component=part,
                verbose=False,
            )
            ours = trace.arrays["metric"][
                0, [trace.labels["reader"].index(f"a1.h{head}.{part}") for head in range(H)], 0
            ]
            np.testing.assert_allclose(ours, theirs[1], rtol=1e-4, atol=1e-4, err_msg=part)


def test_edge_scores(both: tuple[GPT, Any]) -> None:
    from transformer_lens.tools.analysis.attribution_patching import EdgeAttributionConfig, attribution_patch

    model, bridge = both
    clean, corrupt = inputs()
    # its slopes are those of the run that it calls corrupt, ours of the clean one: the two change places, and the sign
    config = EdgeAttributionConfig(granularity="edge")
    scores = attribution_patch(bridge, corrupt, clean, their_metric, config).edge_scores
    graph = Graph(model.config)
    theirs = np.zeros(graph.edges.shape)
    for (writer, reader), score in scores.items():  # one for each position
        source = {"embed": "embed", "mlp_out": f"m{writer.layer}"}.get(writer.kind, f"a{writer.layer}.h{writer.head}")
        part = reader.kind.split("_")[0]
        target = {"logits": "logits", "mlp": f"m{reader.layer}"}.get(part, f"a{reader.layer}.h{reader.head}.{part[0]}")
        theirs[graph.writers.index(source), graph.readers.index(target)] -= score
    trace = edge_attribution(model, clean, corrupt, METRIC, check=0)
    np.testing.assert_allclose(trace.arrays["score"] * trace.meta["scale"], theirs, rtol=1e-3, atol=1e-4)
