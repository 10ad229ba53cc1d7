"""Legends of patching, ablation, paths, circuits and steering."""

from glassworks.trace.legend import Dimension, Legend, Quantity

DRAWS = {
    f"{site}_draw": Dimension("example", "place")
    for site in ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "q", "k", "v", "z", "pattern", "mlp")
}
"""Places of a sweep at which random changes were made, by site."""

ACTIVATION_PATCHING = Legend(
    title="Where the answer sits",
    question=(
        "Which values, at which token and layer, carry what makes the model answer the text with "
        "“{metric_token}” rather than “{metric_less_token}”?"
    ),
    measure=(
        "The answer is what follows the last token, and it is measured as the logit of “{metric_token}”, which "
        "the model says after the text, less the logit of “{metric_less_token}”, which it would rather say "
        "after the contrasting text. That is {clean} nats on the text and {corrupt} on the contrasting one. "
        "Effects are shares of the {scale} nats between them."
    ),
    reading=(
        "The model reads the contrasting text, and one value is replaced by what it was on the text itself. A "
        "cell says how much of the text’s answer comes back: 0 nothing, 1 all of it, below 0 it goes further "
        "away. Each column is a token, each row a layer; the columns to watch are the tokens that differ and "
        "the last one, where the answer is given."
    ),
    nothing=(
        "The shape alone proves little. Before the first token that differs all is 0 in any network, and in the"
        " first row of the stream that token holds 1. Even in an untrained network the effect moves on to the "
        "last token, since attention passes everything along; but there it is an effect of a fraction of a nat,"
        " and random changes do as much."
    ),
    control=(
        "At some of the same places a random change of the same size: an effect that is not far above it is "
        "only the disturbance. 0 is the plain run on the contrasting text and 1 the plain run on the text, by "
        "construction."
    ),
    quantities={
        "resid_pre": Quantity(
            "the stream as it enters each layer: share of the answer that comes back",
            note=(
                "The whole residual stream of one token, replaced before each layer. Watch the answer leave the"
                " token that differs and arrive at the last."
            ),
        ),
        "resid_pre_control": Quantity(
            "a random change of the same size, at the same places",
            note=(
                "The places were drawn from those that differ. Best would be a control at the cells that "
                "matter, those with the largest effects, averaged over several random directions."
            ),
            show="beside",
        ),
        "resid_pre_control_true": Quantity("the real change, there", show="beside"),
        "resid_pre_metric": Quantity("the answer with each patch, in nats", show="kept"),
        "attn_out": Quantity(
            "what each layer’s attention writes: share of the answer that comes back",
            note=(
                "Only what one layer’s heads write at one token. This is where information is fetched from "
                "other tokens."
            ),
        ),
        "attn_out_control": Quantity("a random change of the same size, at the same places", show="beside"),
        "attn_out_control_true": Quantity("the real change, there", show="beside"),
        "attn_out_metric": Quantity("the answer with each patch, in nats", show="kept"),
        "mlp_out": Quantity(
            "what each layer’s MLP writes: share of the answer that comes back",
            note="Only what one layer’s MLP writes at one token. It works on what is there already.",
        ),
        "mlp_out_control": Quantity("a random change of the same size, at the same places", show="beside"),
        "mlp_out_control_true": Quantity("the real change, there", show="beside"),
        "mlp_out_metric": Quantity("the answer with each patch, in nats", show="kept"),
        "clean": Quantity(
            "logit of “{metric_token}” less that of “{metric_less_token}” after the text, in nats", show="kept"
        ),
        "corrupt": Quantity("the same after the contrasting text, in nats", show="kept"),
    },
    numbers={
        "scale": "nats between the two answers",
        "pairs": "",
        "tokens": "",
        "seed": "",
        "metric": "",
        "metric_position": "",
        "metric_token": "",
        "metric_less_token": "",
    },
    axes={
        "position": Dimension("token"),
        "pair": Dimension("example"),
        "kv_head": Dimension("head", "key/value head"),
        "kind": Dimension("class"),
        **DRAWS,
    },
    ids=(
        "metric_token",
        "metric_less_token",
    ),
)

ATTRIBUTION_PATCHING = Legend(
    title="Patching by one gradient",
    question=(
        "Can one gradient guess what patching each head would do to “{metric_token}” against "
        "“{metric_less_token}”, without patching any?"
    ),
    measure=(
        "The answer is what follows the last token, and it is measured as the logit of “{metric_token}”, which "
        "the model says after the text, less the logit of “{metric_less_token}”, which it would rather say "
        "after the contrasting text. That is {clean} nats on the text and {corrupt} on the contrasting one. "
        "Effects are shares of the {scale} nats between them."
    ),
    reading=(
        "Each dot is a head or an MLP: across stands the guess, the change of its value times the slope of the "
        "answer, and upwards what really patching it at all tokens does; both as shares, 0 nothing and 1 the "
        "whole answer. Dots on the diagonal were guessed right. The maps beside it show which heads they are."
    ),
    nothing=(
        "If the guess knew nothing, the dots would lie anywhere, and its correlation with the truth would be no"
        " better than that of the shuffled guesses; of few dots, as of four MLPs, even that may be far from 0. "
        "A good one says that the guess can be trusted, not that there is much to find: it is as good in an "
        "untrained network."
    ),
    control="The true patching of every place, and the correlation of the guesses dealt out at random.",
    quantities={
        "z": Quantity(
            "what each head reads off: guessed share of the answer",
            note="Layers down, heads across; the same for all tokens at once.",
            controls=("z_true",),
        ),
        "z_true": Quantity("as measured by patching the head", show="beside"),
        "mlp_out": Quantity(
            "what each MLP writes: guessed share of the answer", note="One entry a layer.", controls=("mlp_out_true",)
        ),
        "mlp_out_true": Quantity("as measured by patching the MLP", show="beside"),
        "clean": Quantity(
            "logit of “{metric_token}” less that of “{metric_less_token}” after the text, in nats", show="kept"
        ),
        "corrupt": Quantity("the same after the contrasting text, in nats", show="kept"),
    },
    numbers={
        "scale": "nats between the two answers",
        "pairs": "",
        "tokens": "",
        "seed": "",
        "metric": "",
        "metric_position": "",
        "metric_token": "",
        "metric_less_token": "",
        "z_pearson": "heads: correlation of guess and truth (Pearson’s r)",
        "z_spearman": "heads: correlation of their ranks (Spearman’s ρ)",
        "z_shuffled": "heads: correlation of shuffled guesses (r)",
        "mlp_out_pearson": "MLPs: correlation of guess and truth (Pearson’s r)",
        "mlp_out_spearman": "MLPs: correlation of their ranks (Spearman’s ρ)",
        "mlp_out_shuffled": "MLPs: correlation of shuffled guesses (r)",
    },
    axes={
        "position": Dimension("token"),
        "pair": Dimension("example"),
        "kv_head": Dimension("head", "key/value head"),
        "kind": Dimension("class"),
        **DRAWS,
    },
    ids=(
        "metric_token",
        "metric_less_token",
    ),
)

ABLATION = Legend(
    title="Silencing heads and MLPs",
    question=("How much less likely is the model’s own next word, “{metric_token}”, when one head or MLP is silenced?"),
    measure=(
        "The answer is “{metric_token}”, which the model finds likeliest after the text. Its log-probability is"
        " {plain} nats with nothing silenced. Effects are changes of it in nats: −0.69 halves the probability, "
        "−2.3 leaves a tenth, above 0 it rises."
    ),
    reading=(
        "Each cell is a head, layers down and heads across: blue lowers the answer when it is silenced, so it "
        "helped; orange raises it. Silenced means one of three things: set to zero, set to its mean over other "
        "texts, or set to what it was on one of them (the mean of {draws} draws). Trust what all three agree "
        "on."
    ),
    nothing=(
        "Where a part does nothing in particular for this answer, silencing it does no more than a random "
        "change of the same size; so it is with an untrained network’s heads."
    ),
    control=(
        "At some of the same places a random change of the same size. Zero alone may only say that zero is "
        "unlike anything the rest has met; that is why three ways stand beside each other."
    ),
    quantities={
        "z": Quantity(
            "silencing each head: change of the answer’s log-probability, in nats",
            note="At all tokens at once. The three maps share one scale.",
        ),
        "z_control": Quantity("a random change of the head, as large", show="beside"),
        "z_control_true": Quantity("silencing the head, at the same places", show="beside"),
        "z_metric": Quantity("the log-probability with each head silenced, in nats", show="kept"),
        "mlp_out": Quantity(
            "silencing each MLP: change of the answer’s log-probability, in nats", note="At all tokens at once."
        ),
        "mlp_out_control": Quantity("a random change of what the MLP writes, as large", show="beside"),
        "mlp_out_control_true": Quantity("silencing the MLP, at the same places", show="beside"),
        "mlp_out_metric": Quantity("the log-probability with each MLP silenced, in nats", show="kept"),
        "plain": Quantity("log-probability of “{metric_token}” with nothing silenced, in nats", show="kept"),
    },
    numbers={
        "rows": "",
        "reference": "other texts that means and draws are from",
        "draws": "",
        "seed": "",
        "metric": "",
        "metric_position": "",
        "metric_token": "",
    },
    axes={
        "position": Dimension("token"),
        "pair": Dimension("example"),
        "kv_head": Dimension("head", "key/value head"),
        "kind": Dimension("class"),
        **DRAWS,
    },
    entries={"zero": "set to zero", "mean": "set to its mean", "resample": "as on another text"},
    ids=(
        "metric_token",
        "metric_less_token",
    ),
)

PATH_PATCHING = Legend(
    title="Who tells whom",
    question=(
        "Through which direct connections, from one component to the next, does the answer “{metric_token}” "
        "rather than “{metric_less_token}” travel?"
    ),
    measure=(
        "The answer is what follows the last token, and it is measured as the logit of “{metric_token}”, which "
        "the model says after the text, less the logit of “{metric_less_token}”, which it would rather say "
        "after the contrasting text. That is {clean} nats on the text and {corrupt} on the contrasting one. "
        "Effects are shares of the {scale} nats between them."
    ),
    reading=(
        "The model reads the contrasting text. One component alone is told what one other wrote on the text "
        "itself, and everything after it goes its own way. A bar is how much of the text’s answer comes back by"
        " that one connection: 0 nothing, 1 all of it."
    ),
    nothing=(
        "If no connection carried anything particular, a random change along it would do as much. So it is in "
        "an untrained network, where the whole difference to be shared is a fraction of a nat."
    ),
    control="A random change of the same size along the same connection.",
    quantities={
        "effect": Quantity(
            "share of the answer that comes back by each connection",
            note=(
                "The twenty largest, each beside a random change along it. “Layer 1 head 3 → layer 2 MLP” is "
                "what the MLP of layer 2 makes of what head 3 of layer 1 wrote; “value” is what a head passes "
                "on of it. Connections below a fiftieth of the largest are not drawn."
            ),
            controls=("control",),
            where="edge",
        ),
        "control": Quantity("a random change along it", show="beside", where="edge"),
        "edge": Quantity("whether there is such a connection", show="kept"),
        "metric": Quantity("the answer with each connection patched, in nats", show="kept"),
        "clean": Quantity(
            "logit of “{metric_token}” less that of “{metric_less_token}” after the text, in nats", show="kept"
        ),
        "corrupt": Quantity("the same after the contrasting text, in nats", show="kept"),
    },
    numbers={
        "scale": "nats between the two answers",
        "pairs": "",
        "tokens": "",
        "seed": "",
        "metric": "",
        "metric_position": "",
        "metric_token": "",
        "metric_less_token": "",
        "writers": "components that tell, tried",
        "readers": "components that are told, tried",
    },
    axes={"writer": Dimension("class"), "reader": Dimension("class"), "pair": Dimension("example")},
    entries={"embed": "embedding", "logits": "the answer"},
    ids=(
        "metric_token",
        "metric_less_token",
    ),
)

EDGE_ATTRIBUTION = Legend(
    title="Every path, estimated",
    question=(
        "Of all direct connections between components, which does the answer “{metric_token}” rather than "
        "“{metric_less_token}” rest on, by one gradient?"
    ),
    measure=(
        "The answer is what follows the last token, and it is measured as the logit of “{metric_token}”, which "
        "the model says after the text, less the logit of “{metric_less_token}”, which it would rather say "
        "after the contrasting text. That is {clean} nats on the text and {corrupt} on the contrasting one. "
        "Effects are shares of the {scale} nats between them."
    ),
    reading=(
        "The model reads the text. For each connection the gradient guesses what the answer would lose if it "
        "carried the contrasting text’s value instead: 1 is the whole answer, below 0 it gains. Some were "
        "really cut; a dot on the diagonal was guessed right."
    ),
    nothing=(
        "If the guess knew nothing, the dots would lie anywhere, and its correlation with the truth would be no"
        " better than that of the shuffled guesses. A good one says that the guess can be trusted, not that "
        "there is much to find: it is as good in an untrained network."
    ),
    control=(
        "Some connections truly cut, half of them those of largest guess and half drawn at random; and the "
        "correlation of the shuffled guesses."
    ),
    quantities={
        "estimate": Quantity(
            "connections that were checked: guess against truth, as shares of the answer",
            note="Across the guess, upwards what cutting that one connection takes away.",
            controls=("true",),
        ),
        "true": Quantity("what cutting it takes away", show="beside"),
        "score": Quantity(
            "guessed share of the answer that each connection carries",
            note="The twenty of largest size by name; below them, folded, all of them.",
            where="edge",
        ),
        "edge": Quantity("whether there is such a connection", show="kept"),
        "clean": Quantity(
            "logit of “{metric_token}” less that of “{metric_less_token}” after the text, in nats", show="kept"
        ),
        "corrupt": Quantity("the same after the contrasting text, in nats", show="kept"),
    },
    numbers={
        "scale": "nats between the two answers",
        "pairs": "",
        "tokens": "",
        "seed": "",
        "metric": "",
        "metric_position": "",
        "metric_token": "",
        "metric_less_token": "",
        "steps": "",
        "at": "",
        "pearson": "correlation of guess and truth (Pearson’s r)",
        "spearman": "correlation of their ranks (Spearman’s ρ)",
        "shuffled": "correlation of shuffled guesses (r)",
    },
    axes={
        "writer": Dimension("class"),
        "reader": Dimension("class"),
        "checked": Dimension("example", "connection"),
        "pair": Dimension("example"),
    },
    entries={"embed": "embedding", "logits": "the answer"},
    ids=(
        "metric_token",
        "metric_less_token",
    ),
)

CIRCUIT = Legend(
    title="The paths it needs",
    question=(
        "Which few connections between components are enough for the model to answer “{metric_token}” rather "
        "than “{metric_less_token}”?"
    ),
    measure=(
        "The answer is what follows the last token, and it is measured as the logit of “{metric_token}”, which "
        "the model says after the text, less the logit of “{metric_less_token}”, which it would rather say "
        "after the contrasting text. That is {clean} nats on the text and {corrupt} on the contrasting one. "
        "Effects are shares of the {scale} nats between them."
    ),
    reading=(
        "The graph has the connections that were kept, from the embedding at the top to the answer at the "
        "bottom; the thicker, the more it was estimated to carry, orange for the answer and blue against it. "
        "Every other connection carries the contrasting text. How much of the answer is left then is the "
        "circuit’s faithfulness: 1 is all of it, 0 none; above 1, what was cut had worked against it."
    ),
    nothing=(
        "If nothing in particular were needed, random circuits of as many connections would keep as much of the"
        " answer, or all the others would keep it without these. A search always fits what it is given: it "
        "finds a circuit in an untrained network as well, for a difference of a fraction of a nat."
    ),
    control=(
        "Random circuits of the same size, the connections in random order, and all the others without the circuit."
    ),
    quantities={
        "kept": Quantity(
            "the circuit: {kept_edges} of {total} connections",
            note=(
                "A connection was cut for good where that moved the answer by less than a share of {threshold}."
                " It was searched on this one pair of texts, and fits it; on others it has to be judged again."
            ),
        ),
        "score": Quantity("estimated share that each connection carries", show="beside", where="edge"),
        "edge": Quantity("which connections exist", show="kept"),
        "same_size": Quantity(
            "faithfulness of random circuits of the same size",
            note=(
                "The share of the answer that is left with the circuit alone, with all other connections "
                "instead, and with random circuits of as many connections, all on ways from the embedding to "
                "the answer."
            ),
        ),
        "same_size_edges": Quantity("connections of those", show="kept"),
        "faithfulness": Quantity(
            "share of the answer left by the number of connections kept",
            note=(
                "The connections of largest estimate first, more and more of them: 1 is the whole answer. The "
                "search’s own circuit is the cross; it is not on the curve, since it was chosen by true cuts."
            ),
        ),
        "complement": Quantity("all others kept instead", show="beside"),
        "random": Quantity("as many in random order", show="beside"),
        "edges": Quantity("how many connections are kept", show="beside"),
        "clean": Quantity(
            "logit of “{metric_token}” less that of “{metric_less_token}” after the text, in nats", show="kept"
        ),
        "corrupt": Quantity("the same after the contrasting text, in nats", show="kept"),
    },
    numbers={
        "scale": "nats between the two answers",
        "pairs": "",
        "tokens": "",
        "seed": "",
        "metric": "",
        "metric_position": "",
        "metric_token": "",
        "metric_less_token": "",
        "kept_edges": "connections kept",
        "total": "connections in all",
        "circuit_faithfulness": "faithfulness of the circuit",
        "circuit_complement": "faithfulness of all the others",
        "held_out_faithfulness": "faithfulness on other pairs",
        "held_out_complement": "faithfulness of all the others on other pairs",
        "threshold": "",
        "runs": "runs that the search took",
    },
    axes={
        "writer": Dimension("class"),
        "reader": Dimension("class"),
        "size": Dimension("value", "edges"),
        "draw": Dimension("example"),
        "pairs": Dimension("class"),
    },
    entries={"embed": "embedding", "logits": "the answer"},
    ids=(
        "metric_token",
        "metric_less_token",
    ),
)

STEERING = Legend(
    title="Steering the answer",
    question=(
        "Does pushing the middle layer along one direction turn the answer from “{metric_less_token}” towards "
        "“{metric_token}”?"
    ),
    measure=(
        "The answer is measured as the logit of “{metric_token}” less the logit of “{metric_less_token}” after "
        "the last token, in nats: {plain} on the contrasting text without a push."
    ),
    reading=(
        "The model reads the contrasting text. At its last token, behind the middle layer ({point}), a multiple"
        " of one direction is added to the stream: the text’s own value there less the contrasting one’s. "
        "Across stands the multiple; at 1 the place holds exactly what it holds on the text. Upwards is the "
        "answer: above 0 the model prefers “{metric_token}”, below 0 “{metric_less_token}”."
    ),
    nothing=(
        "A direction without meaning moves the answer no more than the random ones do: its line stays within "
        "their band."
    ),
    control=(
        "{draws} random directions of the same length (their mean, and a band of one standard deviation), the "
        "same push at a wrong place ({wrong_point}), and no push."
    ),
    quantities={
        "metric": Quantity(
            ("logit of “{metric_token}” less that of “{metric_less_token}”, by the length of the push, in nats"),
            note=(
                "At a push of −2 the effect of the direction lies {beyond_random} deviations from that of the "
                "random ones."
            ),
            error="deviation",
        ),
        "deviation": Quantity("spread over random directions (standard deviation)", show="beside"),
        "metric_of_pair": Quantity("the answer of each pair", show="kept"),
    },
    numbers={
        "plain": "the answer without a push, nats",
        "beyond_random": "effect of the longest push beyond random ones, in their deviations",
        "draws": "",
        "how": "",
        "point": "",
        "wrong_point": "",
        "seed": "",
        "metric": "",
        "metric_position": "",
        "metric_token": "",
        "metric_less_token": "",
    },
    axes={
        "row": Dimension(
            "class",
            controls=(
                "random directions",
                "wrong place",
                "null",
            ),
        ),
        "scale": Dimension("value", "length of the push"),
        "pair": Dimension("example"),
        "checked": Dimension("example"),
    },
    entries={
        "direction": "along the direction",
        "random directions": "along random directions",
        "wrong place": "the direction, at the wrong place",
        "null": "no push",
    },
    ids=(
        "metric_token",
        "metric_less_token",
    ),
)
