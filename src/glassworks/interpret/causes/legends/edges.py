"""Legends of connections between components: path patching, edge attribution, circuits."""

from glassworks.interpret.causes.legends.wording import ANSWER, IDS, PAIR_NUMBERS, PAIR_QUANTITIES
from glassworks.trace.legend import Dimension, Legend, Quantity

AXES = {
    "writer": Dimension("class", "from"),
    "reader": Dimension("class", "to"),
    "checked": Dimension("class", "connection"),
    "size": Dimension("value", "connections kept"),
    "draw": Dimension("example"),
    "pairs": Dimension("class"),
    "pair": Dimension("example"),
}

PATH_PATCHING = Legend(
    title="Who tells whom",
    question=f"Through which direct connections, from one component to the next, does {ANSWER} travel?",
    reading=(
        "The model reads the contrasting text. One component alone is told what one other wrote on the text itself, "
        "and everything after it goes its own way. A dot is how much of the text’s answer comes back by that one "
        "connection: 0 nothing, 1 all of it; hollow, what a random change along it does."
    ),
    nothing=(
        "If no connection carried anything particular, a random change along it would do as much. So it is in an "
        "untrained network, where the whole difference to be shared is a fraction of a nat."
    ),
    control="A random change of the same size along the same connection.",
    quantities={
        "effect": Quantity(
            "share of the answer that comes back by each connection",
            note=(
                "The connections of largest effect, each beside a random change along it; those below a fiftieth of "
                "the largest are left out. A head reads the stream three times: as query, as key and as value, and "
                "the value is what it passes on. Of the model, {writers} components were tried as those that tell, and "
                "{readers} as those that are told."
            ),
            controls=("control",),
            where="edge",
            ends=(-1.0, 1.0),
        ),
        "control": Quantity("a random change along it", show="beside", where="edge"),
        "edge": Quantity("whether there is such a connection", show="kept"),
        "metric": Quantity("the answer with each connection patched", show="kept"),
        **PAIR_QUANTITIES,
    },
    numbers={
        **PAIR_NUMBERS,
        "writers": "",
        "readers": "",
    },
    axes=AXES,
    ids=IDS,
)

EDGE_ATTRIBUTION = Legend(
    title="Every path, estimated",
    question=f"Of all direct connections between components, which does {ANSWER} rest on, by one gradient?",
    reading=(
        "The model reads the text. For each connection the gradient guesses what the answer would lose if it carried "
        "the contrasting text’s value instead: 1 is the whole answer, below 0 it gains. Some were really cut: across "
        "stands the guess, upwards what cutting that one connection takes away, and a dot on the diagonal was "
        "guessed right."
    ),
    nothing=(
        "If the guess knew nothing, the dots would lie anywhere, and its correlation with the truth would be no better "
        "than that of the shuffled guesses. A good one says that the guess can be trusted, not that there is much to "
        "find: it is as good in an untrained network."
    ),
    control=(
        "Some connections truly cut, half of them those of largest guess and half drawn at random; and the "
        "correlation of the shuffled guesses."
    ),
    quantities={
        "estimate": Quantity(
            "connections that were really cut: guess and truth, as shares of the answer",
            controls=("true",),
            ends=(-1.0, 1.0),
        ),
        "true": Quantity("what cutting it takes away", show="beside"),
        "score": Quantity(
            "guessed share of the answer that each connection carries",
            where="edge",
            ends=(-1.0, 1.0),
        ),
        "edge": Quantity("whether there is such a connection", show="kept"),
        **PAIR_QUANTITIES,
    },
    numbers={
        **PAIR_NUMBERS,
        "steps": "",
        "at": "",
        "pearson": "",
        "spearman": "",
        "shuffled": "",
    },
    axes=AXES,
    ids=IDS,
)

CIRCUIT = Legend(
    title="The paths it needs",
    question=f"Which few connections between components are enough for {ANSWER}?",
    reading=(
        "The graph has the connections that were kept, from the embedding at the top to the answer at the bottom; "
        "the thicker, the more it was estimated to carry, orange for the answer and blue against it. Every other "
        "connection carries the contrasting text. How much of the answer is left then is the circuit’s faithfulness: "
        "1 is all of it, 0 none; above 1, what was cut had worked against it."
    ),
    nothing=(
        "If nothing in particular were needed, random circuits of as many connections would keep as much of the "
        "answer, or all the others would keep it without these. A search always fits what it is given, in an "
        "untrained network as well; but there it needs a large part of all connections, for a difference of a "
        "fraction of a nat."
    ),
    control=(
        "Random circuits of the same size, the connections in random order, and all the others without the circuit."
    ),
    quantities={
        "kept": Quantity(
            "the circuit: {kept_edges} of {total} connections",
            note=(
                "A connection was cut for good where that moved the answer by less than a share of {threshold}. The "
                "circuit was searched on this one pair of texts, and fits it; on others it has to be judged again. "
                "The search took {runs} runs."
            ),
        ),
        "score": Quantity("estimated share that each connection carries", show="beside", where="edge"),
        "edge": Quantity("which connections exist", show="kept"),
        "same_size": Quantity(
            "share of the answer that is left, beside random circuits of the same size",
            note=(
                "With the circuit alone, with all other connections instead, and with random circuits of as many "
                "connections, all on ways from the embedding to the answer."
            ),
        ),
        "same_size_edges": Quantity("connections of the random circuits", show="kept"),
        "faithfulness": Quantity(
            "share of the answer left by the number of connections kept",
            note=(
                "The connections of largest estimate first, more and more of them: 1 is the whole answer. The search’s "
                "own circuit is the single point; it need not lie on the curve, since it was chosen by true cuts."
            ),
        ),
        "complement": Quantity("all others kept instead", show="beside"),
        "random": Quantity("as many in random order", show="beside"),
        "edges": Quantity("how many connections are kept", show="beside"),
        **PAIR_QUANTITIES,
    },
    numbers={
        **PAIR_NUMBERS,
        "kept_edges": "",
        "total": "",
        "circuit_faithfulness": "",
        "circuit_complement": "",
        "held_out_faithfulness": "",
        "held_out_complement": "",
        "threshold": "",
        "runs": "",
    },
    axes=AXES,
    ids=IDS,
)

CURVE = Legend(
    title="How few connections are enough",
    question=f"How many of the best connections does {ANSWER} need?",
    reading="More connections by and by carry the text, the largest estimates first; all others the contrasting one.",
    nothing="If the estimates knew nothing, the best would keep no more than as many in random order.",
    control="As many connections in random order, and all the others instead.",
    quantities={
        **{name: CIRCUIT.quantities[name] for name in ("complement", "random", "edges")},
        "faithfulness": Quantity("share of the answer left by the number of connections kept"),
    },
    numbers={**PAIR_NUMBERS, "total": ""},
    axes=AXES,
    ids=IDS,
)
