"""The legend of a GPT's health."""

from glassworks.trace.legend import Dimension, Legend, Quantity

HEALTH = Legend(
    title="Signs of health",
    question="Are activations and gradients of a sensible size in every layer, and do all units take part?",
    reading=(
        "Layers from left to right, sizes upwards on a logarithmic axis: the root mean square of what passes a "
        "place, and of the loss’s gradient over the weights of a part. Lines that stay within a factor of ten "
        "or so are well; ones that grow or vanish by orders of magnitude from layer to layer are the usual sign"
        " of trouble. Dead units never fire on this batch."
    ),
    nothing=(
        "This is a check, not a finding: the untrained network is what the shape alone gives, and training "
        "moves lines away from its."
    ),
    control="The same batch in an untrained network of the same shape, dashed, on the same axes.",
    quantities={
        "activation_rms": Quantity(
            "size of activations by layer (root mean square)",
            note="The residual stream behind each block, and what attention and MLP write into it.",
            controls=("activation_rms_untrained",),
        ),
        "activation_rms_untrained": Quantity("the same, untrained", show="beside"),
        "gradient_rms": Quantity(
            "size of gradients by layer (root mean square)",
            note="Of the mean loss, over the weights of each part of a block.",
            controls=("gradient_rms_untrained",),
        ),
        "gradient_rms_untrained": Quantity("the same, untrained", show="beside"),
        "outer_gradient_rms": Quantity(
            "size of gradients outside the blocks (root mean square)",
            note="The embedding, the head and the last norm, where the architecture has weights there.",
            controls=("outer_gradient_rms_untrained",),
        ),
        "outer_gradient_rms_untrained": Quantity("the same, untrained", show="beside"),
        "dead_fraction": Quantity(
            "MLP units that fire on no token of the batch, in %",
            percent=True,
            note="A rare unit looks dead in a small batch.",
            controls=("dead_fraction_untrained",),
        ),
        "dead_fraction_untrained": Quantity("the same, untrained", show="beside"),
    },
    numbers={"loss": "", "loss_untrained": "", "num_tokens": "", "text": ""},
    axes={"site": Dimension("class"), "part": Dimension("class"), "outer": Dimension("class")},
    entries={
        "resid_post": "residual stream behind the block",
        "attn_out": "what attention writes",
        "mlp_out": "what the MLP writes",
        "attn.qkv": "attention: queries, keys, values",
        "attn.q": "attention: queries",
        "attn.k": "attention: keys",
        "attn.v": "attention: values",
        "attn.proj": "attention: output",
        "mlp.up": "MLP: in",
        "mlp.gate": "MLP: gate",
        "mlp.down": "MLP: out",
        "embed": "embedding",
        "head": "head",
        "norm": "final norm",
    },
)
