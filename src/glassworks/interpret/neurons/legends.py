"""Legends of what is known of neurons, and of sparse autoencoders."""

from glassworks.trace.legend import Dimension, Legend, Quantity

NEURON_EXAMPLES = Legend(
    title="What neurons fire on",
    question="On which texts do single neurons of the middle layer fire, and do they have one meaning?",
    reading=(
        "Each line is a passage, and each token is coloured by the neuron’s activation there, orange above zero"
        " and blue below; the number is that of the underlined token. Read down: strongest places, strongest on"
        " held-out text, from strong to weak, random, weakest. A meaning has to hold in all of them, not only "
        "in the first."
    ),
    nothing=(
        "Any direction prefers some tokens: in an untrained network, too, a neuron’s strongest places are often"
        " the same few, and again on held-out text. A meaning is more than a favourite token: it joins "
        "different words, and holds from strong to weak."
    ),
    control=(
        "The same on held-out text; and how far its strongest tokens are among those found before, beside how "
        "far they are among another neuron’s."
    ),
    quantities={
        "window_activation": Quantity(
            "texts that the neuron fires on",
            note="Every line is of another passage of the text. Hover or tap a token for its activation.",
        ),
        "window_token": Quantity("the tokens", show="beside"),
        "activation": Quantity("the activation at the underlined token", show="beside"),
        "row": Quantity("which passage", show="kept"),
        "position": Quantity("which place in it", show="kept"),
        "histogram": Quantity(
            "how often it has which activation", note="All its activations that are not exactly 0.", show="beside"
        ),
        "token_agreement": Quantity(
            "share of the strongest held-out tokens that were among the strongest before",
            note=(
                "1: the held-out strongest are all tokens seen among the strongest. Read it beside the same for"
                " another neuron’s."
            ),
            controls=("token_agreement_control",),
        ),
        "token_agreement_control": Quantity("the same beside another neuron’s strongest", show="beside"),
        "firing_rate": Quantity("how often it fires, as a share of places", show="beside"),
        "mean": Quantity("mean activation", show="folded"),
        "deviation": Quantity("standard deviation of the activation", show="folded"),
        "lowest": Quantity("lowest activation", show="folded"),
        "highest": Quantity("highest activation", show="folded"),
        "zeros": Quantity("share of activations that are exactly 0", show="folded"),
        "scale": Quantity("half the width of the histogram", show="kept"),
        "vocabulary_count": Quantity("how often each token occurs", show="kept"),
    },
    numbers={
        "point": "",
        "above": "",
        "seed": "",
        "num_inputs": "passages looked at",
        "num_held_out": "passages held out",
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
    ids=("window_token",),
)

NEURON_DIRECTIONS = Legend(
    title="What neurons’ weights say",
    question="By its weights alone, which tokens does a neuron look for, and which does it make more likely?",
    reading=(
        "One line a neuron of layer {layer}. Promoted are the tokens whose logits it raises most when it fires,"
        " suppressed those it lowers most; read are the tokens whose embeddings are nearest to what it looks "
        "for. Nothing is run: this is what it can do directly, not what later layers make of it."
    ),
    nothing=(
        "A neuron with no say about single tokens has numbers no larger than a random direction’s, and its "
        "tokens have nothing in common."
    ),
    control="Random directions as long as the median neuron’s, in the last line of each table.",
    quantities={
        "promoted_ids": Quantity(
            "tokens whose logits it raises most",
            note=(
                "The colour is by how much, for an activation of 1 and a stream of root mean square 1, above "
                "the average token."
            ),
            colours="promoted",
        ),
        "promoted": Quantity("by how much, in logits", show="beside"),
        "promoted_control": Quantity("the same for random directions", show="beside"),
        "suppressed_ids": Quantity(
            "tokens whose logits it lowers most",
            note="As above, downwards; random directions lower logits by as much as they raise others.",
            colours="suppressed",
        ),
        "suppressed": Quantity("by how much, in logits", show="beside"),
        "nearest_ids": Quantity(
            "tokens whose embeddings are nearest to what it reads and what it writes",
            note="The colour is the cosine, 1 for the same direction.",
            colours="nearest",
        ),
        "nearest": Quantity("their cosine", show="beside"),
        "nearest_control": Quantity("the same for random directions", show="beside"),
        "in_out_cosine": Quantity(
            "cosine of what it reads and what it writes",
            note=(
                "Above 0 it writes more of what it reads, below 0 it erases it. Two unrelated directions have "
                "about one over the square root of the width."
            ),
        ),
        "length": Quantity("length of each direction", show="folded"),
        "logit_effect": Quantity("effect on every token’s logit", show="kept"),
        "probe_cosine": Quantity("cosine with a probe’s directions"),
        "probe_control": Quantity("the largest of random directions", show="beside"),
    },
    numbers={"layer": "", "num_random": "", "seed": ""},
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

NEURON_ABLATION = Legend(
    title="Neurons taken away",
    question="How much worse does the model predict when one neuron says the same everywhere?",
    reading=(
        "Each bar is a neuron of {point}, set to its mean activation at every place. To the right the loss "
        "rises, so the neuron was of use; ± is one standard error over passages."
    ),
    nothing=(
        "Most neurons matter little: an effect within the range of the other neurons’, or within its own error "
        "of 0, says nothing."
    ),
    control="Other neurons of the layer, drawn at random and silenced in the same way.",
    quantities={
        "effect": Quantity(
            "rise of the loss without the neuron, in nats a token",
            note="The lower strip has a mark for each of the other neurons, on the same axis.",
            error="effect_error",
        ),
        "effect_error": Quantity("its standard error, over passages", show="beside"),
        "control_effect": Quantity("rise of the loss without other neurons, drawn at random, in nats", show="beside"),
        "kl": Quantity(
            "change of the prediction without it, in nats (KL divergence)",
            note="How far all predictions move, for better or worse. It is never below 0.",
        ),
        "control_kl": Quantity("change of the prediction without other neurons, in nats", show="beside"),
        "larger": Quantity(
            "share of the other neurons that matter at least as much",
            note="Near 0 for a neuron that stands out.",
            show="beside",
        ),
        "mean": Quantity("the mean activation it was set to", show="folded"),
    },
    numbers={"point": "", "num_inputs": "passages", "seed": ""},
    axes={
        "neuron": Dimension("unit"),
        "vocabulary": Dimension("class"),
        "held_out_input": Dimension("example"),
        "judged_input": Dimension("example"),
        "control": Dimension("unit", "control neuron"),
    },
)

NEURON_RULES = Legend(
    title="Neurons as small rules",
    question=(
        "How many neurons do no more than answer which token stands here, which just before, and how far in we are?"
    ),
    reading=(
        "For each neuron of the first and the last layer a small tree of such questions was grown on some text "
        "and judged on other. R² is the share of the neuron’s ups and downs that the tree foretells: 1 all, 0 "
        "no more than the mean does. The rules of the best explained neurons are written out; a rule says where"
        " a neuron is strong."
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
        "feature": Quantity(
            "the rules of the best explained neurons",
            note=(
                "Each line is a rule of one neuron: what must hold, its mean activation there, how often it "
                "fires there, and on how many places of the text it was grown. Of each layer the five neurons "
                "of highest R² on held-out text."
            ),
        ),
        "threshold": Quantity("where a question divides", show="beside"),
        "value": Quantity("mean activation at each node", show="beside"),
        "fires": Quantity("how often it fires at each node", show="beside"),
        "count": Quantity("places at each node", show="beside"),
        "explained": Quantity(
            "neurons that rules explain, in %",
            note="Those with an R² of at least {min_r2} on held-out text.",
            percent=True,
        ),
        "median_r2": Quantity("R² of the median neuron", show="beside"),
        "median_f1": Quantity("F1 of the median neuron: how well rules tell whether it fires", show="beside"),
        "r2": Quantity(
            "how well rules foretell each neuron: R², all neurons in order",
            note=(
                "How many neurons have how much. A line above that of the untrained network is what training "
                "made of tokens. Values below −0.2 are not drawn further down: a tree can be worse than the "
                "mean."
            ),
        ),
        "f1": Quantity("how well rules tell whether each neuron fires: F1, in order", show="folded"),
        "f1_always": Quantity("saying that it fires everywhere", show="beside"),
        "firing_rate": Quantity("how often each neuron fires, in % of places", show="folded", percent=True),
        "feature_mean": Quantity("how common each feature is", show="kept"),
        "held_out": Quantity("which passages were held out", show="kept"),
    },
    numbers={
        "min_r2": "",
        "above": "",
        "depth": "",
        "seed": "",
        "num_places_fitted": "places that trees were grown on",
        "num_places_scored": "held-out places",
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
    },
    entries={
        "trees": "rules",
        "shuffled features": "rules of shuffled questions",
        "untrained network": "an untrained network’s",
    },
)

RULE_SWAP = Legend(
    title="Rules instead of neurons",
    question=("If small rules speak in the place of the neurons that they explain, does the model still say the same?"),
    reading=(
        "Bars are how far the model’s predictions move, in nats (KL divergence), when those neurons of the "
        "middle layer that rules explain are replaced: by their rules, by the same rules with their questions "
        "dealt out anew, or by their means. The shorter the rules’ bar beside the other two, the more the rules"
        " hold of what those neurons said."
    ),
    nothing=(
        "Rules that hold nothing do at least as much harm as the means, which say nothing at all; dealt-out "
        "rules do more, since they speak at the wrong moments. Where few neurons are replaced, all bars are "
        "short."
    ),
    control=(
        "Rules with their questions dealt out anew, and the same neurons set to their means, on text that "
        "nothing was fitted to."
    ),
    quantities={
        "kl": Quantity(
            "change of the predictions, in nats (KL divergence)",
            note="The mean over places. The untouched model is 0 by definition and is left out.",
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
        "judged": Quantity("which passages were judged", show="kept"),
    },
    numbers={"min_r2": "least R² of a neuron that is replaced", "rest": "", "num_inputs": "passages judged on"},
    axes={
        "replacement": Dimension(
            "class",
            controls=(
                "random trees",
                "mean ablation",
            ),
        ),
        "place": Dimension("class"),
    },
    entries={
        "reference": "nothing replaced",
        "trees": "their rules",
        "random trees": "rules dealt out anew",
        "mean ablation": "their means",
    },
)

SAE = Legend(
    title="A dictionary of directions",
    question=("Can the middle layer be written as a few of many directions at a time, each with a meaning of its own?"),
    reading=(
        "A sparse autoencoder learned {latents} directions, its latents, of which only a few may fire at each "
        "place. A good one loses little: most of the variance is explained, and the model’s loss hardly rises "
        "when the reconstruction takes the layer’s place. What a latent stands for is read from the texts that "
        "it fires on."
    ),
    nothing=(
        "An autoencoder of a random network explains much of the variance, too, since a layer that only repeats"
        " its tokens is a sum of few directions as well. Only what stands above that column came with training."
    ),
    control=(
        "An autoencoder of the same size fitted to a random network, both judged on held-out text; and for the "
        "loss, zeros in the layer’s place."
    ),
    quantities={
        "variance_explained": Quantity(
            "share of the variance explained", note="1 is a perfect reconstruction, 0 no more than the mean says."
        ),
        "l0": Quantity("latents that fire at a place, on average", show="beside"),
        "loss": Quantity("loss of the network, nats a token", show="beside"),
        "loss_spliced": Quantity("loss with the reconstruction in the layer’s place, nats", show="beside"),
        "loss_ablated": Quantity("loss with zeros in the layer’s place, nats", show="beside"),
        "loss_recovered": Quantity(
            "share of the loss recovered",
            note=(
                "1: nothing lost; 0: as bad as zeros. A random network’s loss hardly depends on the layer, and "
                "zeros may even lower it, so its share says nothing."
            ),
            show="beside",
        ),
        "dead_share": Quantity("latents that never fire, in %", show="beside", percent=True),
        "frequency": Quantity(
            "how often each latent fires, in % of places",
            note=(
                "All latents in order, the most frequent first, on a logarithmic axis. A few that fire nearly "
                "everywhere say little each; those at the end are dead on this text."
            ),
            percent=True,
        ),
        "latent_activation": Quantity(
            "texts that single latents fire on",
            note=(
                "The number is the latent’s value at the underlined token. Strongest, at quantiles of where it "
                "fires, and at random places: the strongest alone make many a latent look as if it had one "
                "meaning."
            ),
        ),
    },
    numbers={"point": "", "latents": "latents", "kind": "", "steps": ""},
    axes={"row": Dimension("class", controls=("random network",)), "latent": Dimension("unit")},
    entries={"trained network": "this network", "random network": "a random network"},
)
