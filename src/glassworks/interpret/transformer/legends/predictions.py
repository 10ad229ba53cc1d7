"""Legends of what a GPT predicts on the way: surprise, and the lenses on its layers."""

from glassworks.trace.legend import Dimension, Legend, Quantity

SURPRISE = Legend(
    title="Surprise, token by token",
    question="Which tokens of a text did the model expect, and which took it by surprise?",
    reading=(
        "The text as the model reads it, from left to right. The warmer a token, the less it was expected: its "
        "surprise is −ln of the probability that the model gave to it, in nats, so that 0 is certainty, 0.7 a "
        "coin toss and 7 one in a thousand. The second copy is read by the same model from one token to the "
        "next, without anything before."
    ),
    nothing=(
        "A network that has learned nothing spreads its bets over the whole vocabulary: both copies are warm "
        "all over, at the logarithm of its size (8.3 nats for 4,096 tokens) or a little above, and what came "
        "before changes next to nothing."
    ),
    control=(
        "The same model reading only the one token before each: where the first copy is paler than the second, "
        "the earlier context told it."
    ),
    quantities={
        "nats": Quantity(
            "surprise at each token when all before has been read, in nats",
            note=(
                "Hover or tap a token for its surprise, its probability, and the surprise that the model itself"
                " expected."
            ),
            controls=("nats_alone",),
        ),
        "nats_alone": Quantity(
            "surprise when only the one token before has been read, in nats",
            note="The same text, model and colours, without the context.",
            show="beside",
        ),
        "entropy": Quantity("surprise that the model expected, in nats", show="beside"),
    },
    numbers={
        "mean": "",
        "mean_alone": "",
    },
    ids=("top_ids",),
)

LENS_QUANTITIES = {
    "top_ids": Quantity(
        "the likeliest next token at each layer",
        note=(
            "A ring marks a guess that is the token which does follow. Hover or tap a cell for the five "
            "likeliest tokens and the rank of the one that follows."
        ),
    ),
    "top_probabilities": Quantity("its probability", show="beside"),
    "next_probability": Quantity("probability of the token that follows", show="beside"),
    "next_rank": Quantity("rank of the token that follows", show="beside"),
    "entropy": Quantity("uncertainty of each guess: entropy in nats", show="kept"),
    "kl": Quantity(
        "how far each layer’s guess is from the final one, in nats (KL divergence)",
        note=(
            "0 is the same prediction. The mean over the sentence’s tokens, on a logarithmic axis; the last"
            " layer is the final one and is left out. An untrained network’s layers may agree early and "
            "well, since they change little: falling is a sign of work only where it starts high."
        ),
    ),
}
"""What each layer would predict, by either lens."""

LOGIT_LENS = Legend(
    title="Each layer’s guess",
    question="If the network stopped after a layer, which token would it predict next?",
    reading=(
        "Each column is a token of the sentence, each row a layer, the first at the top. A cell holds the "
        "likeliest next token by that layer’s residual stream, read by the network’s own last step (the logit "
        "lens): the stronger the colour, the more probable. The last row is the model’s own output."
    ),
    nothing=(
        "In a network that has learned nothing the rows hold unrelated tokens down to the last, which is as "
        "unsure as the first."
    ),
    control=(
        "The last row is the model itself, exactly; and an untrained network’s layers show how far they agree "
        "without knowing anything. Early rows are no proof of what a layer knows: they write in a way that the "
        "last step was not trained to read, so a cell there may be pale, or sure of an odd token."
    ),
    quantities=LENS_QUANTITIES,
    axes={
        "position": Dimension("token", "position"),
        "next": Dimension("token", "next"),
        "top": Dimension("rank"),
        "network": Dimension("class", controls=("untrained",)),
    },
    entries={"model": "this model", "untrained": "an untrained network", "embed": "embedding"},
    ids=("top_ids",),
)

TUNED_LENS = Legend(
    title="Each layer’s guess, translated",
    question=("What does each layer already hold of the final prediction, once its own way of writing is translated?"),
    reading=(
        "As the table of each layer’s guess, but each layer’s stream first passes a learned translation (one "
        "matrix and one vector a layer), fitted to reproduce the last layer’s prediction on other text. The "
        "stronger the colour, the more probable; the last row is the model’s own output."
    ),
    nothing=(
        "Where a layer holds nothing of the answer, the translation can only name what is common everywhere: "
        "the same few frequent tokens in every column."
    ),
    control=(
        "An untrained network’s layers, read without a translation. Whether the translation itself is any good "
        "is judged on text that it was not fitted on, under “When the prediction forms”."
    ),
    quantities=LENS_QUANTITIES,
    numbers={"lens": "the translation was"},
    axes={
        "position": Dimension("token", "position"),
        "next": Dimension("token", "next"),
        "top": Dimension("rank"),
        "network": Dimension("class", controls=("untrained",)),
    },
    entries={"model": "this model", "untrained": "an untrained network", "embed": "embedding"},
    ids=("top_ids",),
)

LENS_DIVERGENCE = Legend(
    title="When the prediction forms",
    question="By which layer is the final prediction there, on average over text that nothing was fitted on?",
    reading=(
        "Layers from left to right, distance from the final prediction upwards, in nats on a logarithmic axis: "
        "the lower, the nearer. The tuned lens reads a layer through a learned translation, the logit lens as "
        "it stands."
    ),
    nothing=(
        "A layer that holds nothing of the prediction is no nearer to it than the constant line, which never "
        "looks at the text at all."
    ),
    control=(
        "A prediction that is the same everywhere (the mean of the model’s own), and the logit lens of an "
        "untrained network against its own last layer: layers can agree without having learned anything."
    ),
    quantities={
        "kl": Quantity(
            "distance of each layer’s reading from the final prediction, in nats (KL divergence)",
            note=(
                "The mean over {num_tokens} tokens of held-out text. The last layer reads itself, 0 nats, and is left "
                "out. Below the constant line, something of the prediction has been read from the layer."
            ),
            error="error",
            log=True,
        ),
        "error": Quantity("its standard error, over sequences", show="beside"),
        "loss": Quantity(
            "loss of each layer’s reading, in nats a token",
            note=(
                "How well each reading predicts the token that really follows. At the last layer it is the "
                "model’s own loss."
            ),
            log=True,
        ),
    },
    numbers={"lens": "the translation was", "num_tokens": "", "seed": ""},
    axes={
        "reading": Dimension(
            "class",
            controls=(
                "constant",
                "untrained",
            ),
        )
    },
    entries={
        "constant": "the same prediction everywhere",
        "untrained": "untrained network, logit lens",
        "embed": "embedding",
    },
)
