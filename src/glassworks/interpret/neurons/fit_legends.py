"""Legends of what is fitted to neurons: rules, and sparse autoencoders."""

from glassworks.trace.legend import Dimension, Legend, Quantity

NEURON_RULES = Legend(
    title="Neurons as small rules",
    question="How many neurons do no more than answer a few simple questions, such as which token stands here?",
    reading=(
        "For each neuron a small tree of questions about its place, such as which token stands there, which just "
        "before and how far in we are, was grown on {num_places_fitted} places and judged on {num_places_scored} "
        "others. R² is the share of the neuron’s ups and downs that the tree foretells: 1 all, 0 no more than the "
        "mean does. The rules of some are written out; a rule says where a neuron is strong."
    ),
    nothing=(
        "Trees grown on shuffled questions foretell nothing: an R² of about 0. An untrained network’s neurons "
        "are explained in part as well, since each prefers some tokens. Above that row, training made neurons "
        "of tokens; below it, they have learned something that such questions do not ask."
    ),
    control=(
        "Trees grown on shuffled questions, and trees of an untrained network’s neurons; for firing (F1), "
        "saying that it fires everywhere, which is much for a neuron that fires often. All on held-out text."
    ),
    quantities={
        "told_rule": Quantity(
            "rules of the best explained neurons, the median one and the least explained",
            note=(
                "Each line is a rule: what must hold, the neuron’s mean activation there, how often it fires there, "
                "and on how many places of the text it was grown on. R² is that on held-out text. The least "
                "explained neuron’s rules read as well as the others, and say nothing."
            ),
        ),
        "told_neuron": Quantity("which neurons these are", show="beside"),
        "told_value": Quantity("mean activation where a rule holds", show="beside"),
        "told_fires": Quantity("how often the neuron fires there", show="beside"),
        "told_count": Quantity("places where it held", show="beside"),
        "feature": Quantity("what each node of a tree asks", show="beside"),
        "threshold": Quantity("where a question divides", show="beside"),
        "value": Quantity("mean activation at each node", show="beside"),
        "fires": Quantity("how often it fires at each node", show="beside"),
        "count": Quantity("places at each node", show="beside"),
        "explained": Quantity(
            "neurons explained",
            note=(
                "Explained are those with an R² of at least {min_r2} on held-out text; R² and F1 are the median "
                "neuron’s. F1 is how well rules tell whether a neuron fires, and is high for one that fires often, "
                "whoever says so."
            ),
            percent=True,
        ),
        "median_r2": Quantity("R²", show="beside"),
        "median_f1": Quantity("F1", show="beside"),
        "r2": Quantity(
            "how well rules foretell each neuron: R², all neurons in order",
            note=(
                "How many neurons have how much. A line above that of the untrained network is what training "
                "made of tokens. Values below −0.2 are cut off: a tree can be worse than the mean."
            ),
        ),
        "f1": Quantity("how well rules tell whether each neuron fires: F1, in order", show="folded", ends=(0.0, 1.0)),
        "f1_always": Quantity("saying that each fires everywhere", show="beside"),
        "firing_rate": Quantity(
            "how often each neuron fires, in % of places", show="folded", percent=True, ends=(0.0, 100.0)
        ),
        "feature_mean": Quantity("how common each feature is", show="kept"),
        "held_out": Quantity("which passages were held out", show="kept"),
    },
    numbers={
        "min_r2": "",
        "above": "",
        "depth": "",
        "seed": "",
        "num_places_fitted": "",
        "num_places_scored": "",
    },
    axes={
        "row": Dimension(
            "class",
            controls=(
                "shuffled features",
                "untrained network",
            ),
        ),
        "neuron": Dimension("unit"),
        "vocabulary": Dimension("class"),
        "held_out_input": Dimension("example"),
        "judged_input": Dimension("example"),
        "feature": Dimension("class"),
        "node": Dimension("unit"),
        "told": Dimension("class", "neuron by its R²"),
        "rule": Dimension("rank"),
    },
    entries={
        "best": "the best explained",
        "second best": "the second best",
        "median": "the median one",
        "least": "the least explained",
        "trees": "rules",
        "shuffled features": "rules of shuffled questions",
        "untrained network": "an untrained network’s",
    },
)

RULE_SWAP = Legend(
    title="Rules instead of neurons",
    question="If small rules speak in the place of the neurons that they explain, does the model still say the same?",
    reading=(
        "How far the model’s predictions move, in nats (KL divergence), when those neurons that rules explain, with "
        "an R² of at least {min_r2}, are replaced: by their rules, by the same rules with their questions dealt out "
        "anew, or by their means. The nearer to 0 the rules beside the other two, the more they hold of what those "
        "neurons said."
    ),
    nothing=(
        "Rules that hold nothing do at least as much harm as the means, which say nothing at all; dealt-out "
        "rules do more, since they speak at the wrong moments. Where few neurons are replaced, all are "
        "near 0."
    ),
    control=(
        "Rules with their questions dealt out anew, and the same neurons set to their means, on text that "
        "nothing was fitted to."
    ),
    quantities={
        "kl": Quantity(
            "change of the predictions, in nats (KL divergence)",
            note=(
                "The mean over {num_inputs} passages. Means say nothing of the text: only rules that "
                "lie left of them hold what the neurons said."
            ),
            error="kl_error",
        ),
        "kl_error": Quantity("its standard error, over passages", show="beside"),
        "top1": Quantity(
            "how often the likeliest token stays the same, as a share of places",
            note="1 is always.",
            error="top1_error",
        ),
        "top1_error": Quantity("its standard error, over passages", show="beside"),
        "num_replaced": Quantity("neurons replaced", show="beside"),
        "num_neurons": Quantity("neurons that there are", show="beside"),
        "judged": Quantity("which passages were judged", show="kept"),
    },
    numbers={"min_r2": "", "rest": "", "num_inputs": ""},
    axes={
        "replacement": Dimension(
            "class",
            controls=(
                "random trees",
                "mean ablation",
            ),
        ),
        "place": Dimension("class"),
        "judged_input": Dimension("example"),
    },
    entries={
        "reference": "nothing replaced",
        "trees": "their rules",
        "random trees": "rules dealt out anew",
        "mean ablation": "their means",
    },
)

LATENTS = {
    "latent_window_activation": "the value at each token around",
    "latent_window_token": "the tokens",
    "latent_row": "which passage",
    "latent_position": "which place in it",
    "latent_histogram": "how often it has which value",
    "latent_token_agreement": "share of the strongest held-out tokens that were among the strongest before",
    "latent_token_agreement_control": "the same beside another latent’s strongest",
    "latent_firing_rate": "how often it fires, as a share of places",
    "latent_mean": "mean value",
    "latent_deviation": "standard deviation of the value",
    "latent_lowest": "lowest value",
    "latent_highest": "highest value",
    "latent_zeros": "share of values that are exactly 0",
    "latent_scale": "half the width of the histogram",
    "latent": "which latents are shown",
    "promoted_ids": "tokens whose logits its direction raises most",
    "promoted": "by how much, in logits",
    "promoted_control": "the same for random directions",
}
"""What belongs to the examples of latents, and is drawn with them."""

SAE = Legend(
    title="A dictionary of directions",
    question="Can a layer be written as a few of many directions at a time, each with a meaning of its own?",
    reading=(
        "A sparse autoencoder of {point} learned {latents} directions, its latents, of which only a few may fire "
        "at each place. A good one loses little: most of the variance is explained, and the model’s loss hardly rises "
        "when the reconstruction takes the layer’s place. What a latent stands for is read from the texts that "
        "it fires on: a meaning has to hold on held-out text and from strong to weak."
    ),
    nothing=(
        "An autoencoder of a random network explains much of the variance, too, since a layer that only repeats "
        "its tokens is a sum of few directions as well, and its latents fire on the same few tokens again and "
        "again. Only what stands above that column came with training, and only a latent that joins different "
        "words, or picks a token by what is around it, is more than a token’s name."
    ),
    control=(
        "An autoencoder of the same size fitted to a random network, both judged on held-out text, its latents "
        "chosen by the same rule; and for the loss, zeros in the layer’s place."
    ),
    quantities={
        "variance_explained": Quantity(
            "share of the variance explained",
            note="Of the variance, 1 is a perfect reconstruction, 0 no more than the mean says.",
        ),
        "loss": Quantity("loss of the network, nats a token", show="beside"),
        "loss_spliced": Quantity("loss with the reconstruction in the layer’s place", show="beside"),
        "loss_ablated": Quantity("loss with zeros in the layer’s place", show="beside"),
        "loss_recovered": Quantity(
            "share of the loss recovered",
            note=(
                "Of the loss, 1 is nothing lost, 0 as bad as zeros; there is no such share where zeros do not "
                "raise the loss, as in many a random network."
            ),
            show="beside",
        ),
        "l0": Quantity("latents that fire at a place, on average", show="beside"),
        "dead_share": Quantity("latents that never fire, in %", show="beside", percent=True),
        "frequency": Quantity(
            "how often each latent fires, in % of held-out places",
            note=(
                "On a logarithmic axis. Latents that fire nearly everywhere say little each; a line ends where the "
                "rest is dead on this text."
            ),
            percent=True,
        ),
        "latent_activation": Quantity(
            "what single latents fire on",
            note=(
                "Latents evenly by how often they fire, of those that fire at eight held-out places or more: none is "
                "picked for its looks. How many of the strongest held-out tokens were also among the strongest before, "
                "on average over the latents in the trace:"
            ),
            show="beside",
        ),
        **{name: Quantity(title, show="beside") for name, title in LATENTS.items()},
    },
    numbers={"point": "", "latents": "", "kind": "", "steps": ""},
    axes={
        "row": Dimension("class", controls=("random network",)),
        "latent": Dimension("unit"),
        "shown": Dimension("unit", "latent shown"),
        "split": Dimension("class"),
        "example": Dimension("class"),
        "offset": Dimension("position"),
        "bin": Dimension("value", "value"),
        "top": Dimension("rank"),
    },
    entries={
        "trained network": "this network",
        "random network": "a random network",
        "ranked": "text it was ranked on",
        "held out": "held-out text",
    },
    ids=("latent_window_token", "promoted_ids"),
)
