"""Legends of what is known of single neurons: what they fire on, their weights, what they do."""

from dataclasses import replace

from glassworks.trace.legend import Dimension, Legend, Quantity

STATISTICS = {
    "window_token": "the tokens",
    "activation": "the activation at the underlined token",
    "row": "which passage",
    "position": "which place in it",
    "histogram": "how often it has which activation",
    "token_agreement": "share of the strongest held-out tokens that were among the strongest before",
    "token_agreement_control": "the same beside another neuron’s strongest",
    "firing_rate": "how often it fires, as a share of places",
    "mean": "mean activation",
    "deviation": "standard deviation of the activation",
    "lowest": "lowest activation",
    "highest": "highest activation",
    "zeros": "share of activations that are exactly 0",
    "scale": "half the width of the histogram",
}
"""What belongs to a neuron’s examples, and is drawn with them."""

NEURON_EXAMPLES = Legend(
    title="What neurons fire on",
    question="On which texts do single neurons fire, and do they have one meaning?",
    reading=(
        "Each line is a passage, and each token is coloured by the neuron’s activation there, orange above zero"
        " and blue below; the number is that of the underlined token. The strongest places of {num_inputs} passages "
        "stand beside the strongest of {num_held_out} that were held out; places from strong to weak, random and "
        "weakest ones wait below. A meaning has to hold in all of them, not only in the first."
    ),
    nothing=(
        "Any direction prefers some tokens: in an untrained network, too, a neuron’s strongest places are often"
        " the same few, and again on held-out text. A meaning is more than a favourite token: it joins "
        "different words, and holds from strong to weak."
    ),
    control=(
        "The same on held-out text; another neuron’s strongest tokens; and, where it is given, the neuron of the same "
        "number in an untrained network, which is what any direction shows."
    ),
    quantities={
        "window_activation": Quantity(
            "texts that single neurons fire on",
            note="How many of the strongest held-out tokens were also among the strongest before, on average:",
            show="beside",
        ),
        **{name: Quantity(title, show="beside") for name, title in STATISTICS.items()},
        "untrained_window_activation": Quantity("the same of an untrained network", show="beside"),
        **{f"untrained_{name}": Quantity(f"untrained: {title}", show="beside") for name, title in STATISTICS.items()},
        "vocabulary_count": Quantity("how often each token occurs", show="kept"),
    },
    numbers={
        "point": "",
        "unit": "",
        "above": "",
        "seed": "",
        "num_inputs": "",
        "num_held_out": "",
    },
    axes={
        "split": Dimension("class"),
        "neuron": Dimension("unit"),
        "vocabulary": Dimension("class"),
        "held_out_input": Dimension("example"),
        "judged_input": Dimension("example"),
        "example": Dimension("class"),
        "bin": Dimension("value", "activation"),
        "offset": Dimension("position"),
    },
    entries={"ranked": "text it was ranked on", "held out": "held-out text"},
    ids=("window_token", "untrained_window_token"),
)

NEURON_DIRECTIONS = Legend(
    title="What neurons’ weights say",
    question="By its weights alone, which tokens does a neuron look for, and which does it make more likely?",
    reading=(
        "One line a neuron. Promoted are the tokens whose logits it raises most when it fires,"
        " suppressed those it lowers most; read are the tokens whose embeddings are nearest to what it looks "
        "for. Nothing is run: this is what it can do directly, not what later layers make of it."
    ),
    nothing=(
        "A neuron with no say about single tokens has numbers no larger than a random direction’s, and its "
        "tokens have nothing in common."
    ),
    control="Random directions as long as the median neuron’s: what they reach is the last line of each table.",
    quantities={
        "promoted_ids": Quantity(
            "tokens whose logits it raises most",
            note=(
                "The number is by how much, for an activation of 1 and a stream of root mean square 1, above the "
                "average token. Coloured are those beyond what a random direction raises its own strongest token by."
            ),
        ),
        "promoted": Quantity("by how much, in logits", show="beside"),
        "promoted_control": Quantity("the same for random directions", show="beside"),
        "suppressed_ids": Quantity("tokens whose logits it lowers most", note="As above, downwards."),
        "suppressed": Quantity("by how much, in logits", show="beside"),
        "nearest_ids": Quantity(
            "tokens whose embeddings are nearest",
            note=(
                "The number is the cosine, 1 for the same direction. Coloured are those beyond what a random "
                "direction’s nearest token reaches."
            ),
        ),
        "nearest": Quantity("their cosine", show="beside"),
        "nearest_control": Quantity("the same for random directions", show="beside"),
        "in_out_cosine": Quantity(
            "cosine of what it reads and what it writes",
            note=(
                "Above 0 it writes more of what it reads, below 0 it erases it. Two unrelated directions have "
                "about one over the square root of the width."
            ),
            ends=(-1.0, 1.0),
        ),
        "length": Quantity("length of each direction", show="folded"),
        "logit_effect": Quantity("effect on every token’s logit", show="kept"),
        "probe_cosine": Quantity("cosine with a probe’s directions"),
        "probe_control": Quantity("the largest of random directions", show="beside"),
    },
    numbers={"layer": "", "unit": "", "num_random": "", "seed": ""},
    axes={
        "neuron": Dimension("unit"),
        "vocabulary": Dimension("class"),
        "held_out_input": Dimension("example"),
        "judged_input": Dimension("example"),
        "top": Dimension("rank"),
        "side": Dimension("class"),
    },
    entries={"input": "what it reads", "gate": "what its gate reads", "output": "what it writes"},
    ids=(
        "promoted_ids",
        "suppressed_ids",
        "nearest_ids",
    ),
)

LEAST = 0.005  # nats a token

NEURON_ABLATION = Legend(
    title="Neurons taken away",
    question="How much worse does the model predict when one neuron says the same everywhere?",
    reading=(
        "Each dot is a neuron of {point}, set to its mean activation at every place. To the right the loss "
        "rises, so the neuron was of use; the whisker is one standard error over {num_inputs} passages."
    ),
    nothing=(
        "Most neurons matter little, alone: an effect within the range of the other neurons’, or within its own "
        "error of 0, says nothing."
    ),
    control="Other neurons of the layer, drawn at random and silenced in the same way: the marks of the last line.",
    quantities={
        "effect": Quantity(
            "rise of the loss without the neuron, in nats a token",
            note="The axis reaches at least five thousandths of a nat, so that noise is not stretched over it.",
            error="effect_error",
            least=LEAST,
        ),
        "effect_error": Quantity("its standard error, over passages", show="beside"),
        "control_effect": Quantity("rise of the loss without other neurons, drawn at random, in nats", show="beside"),
        "kl": Quantity(
            "change of the prediction without it, in nats (KL divergence)",
            note="How far all predictions move, for better or worse. It is never below 0.",
            least=LEAST,
        ),
        "control_kl": Quantity("change of the prediction without other neurons, in nats", show="beside"),
        "larger": Quantity(
            "share of the other neurons that matter at least as much",
            note="Near 0 for a neuron that stands out.",
            show="beside",
        ),
        "mean": Quantity("the mean activation it was set to", show="folded"),
    },
    numbers={"point": "", "num_inputs": "", "seed": ""},
    axes={
        "neuron": Dimension("unit"),
        "vocabulary": Dimension("class"),
        "held_out_input": Dimension("example"),
        "judged_input": Dimension("example"),
        "control": Dimension("unit", "control neuron"),
    },
)

LATENT_DIRECTIONS = replace(
    NEURON_DIRECTIONS,
    title="What latents’ weights say",
    question="By its weights alone, which tokens does a latent look for, and which does it make more likely?",
    reading=(
        "One line a latent. Promoted are the tokens whose logits its direction raises most, suppressed those it lowers "
        "most; read are the tokens whose embeddings are nearest to what its encoder looks for. Nothing is run: this is "
        "what it can do directly, not what later layers make of it."
    ),
    control="Random directions as long as the latents’: what they reach is the last line of each table.",
)
