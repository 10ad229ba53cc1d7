"""Legends of where a GPT's heads look: attention, scores of heads, rollout."""

from glassworks.trace.legend import Dimension, Legend, Quantity

ATTENTION = Legend(
    title="Where each head looks",
    question="From which earlier tokens does each attention head fetch something, and how much does it bring?",
    reading=(
        "Each small square is one head, layers from top to bottom. A row of it is a token that looks, a column "
        "a token that is looked at; the stronger the colour, the more of its attention goes there, and each row"
        " sums to 1. A token sees only itself and what is before it, so the upper right stays empty."
    ),
    nothing=(
        "Heads of a network that has learned nothing look at all tokens nearly alike: each row fades evenly, "
        "the longer the paler, and the entropy is close to that of a head that looks everywhere alike."
    ),
    control=(
        "An untrained network of the same shape, and a head that looks everywhere alike; and beside the weight "
        "how much is really moved, since a head with nothing to do rests on a token whose value is nearly "
        "nothing."
    ),
    quantities={
        "pattern": Quantity(
            "share of its attention that each head gives to each token",
            note=(
                "The large square is the head that brings most to the last token from a token between the first "
                "and itself; choose another, and it is drawn below its row. Colours grow with the root of the weight, "
                "so that small ones are seen."
            ),
        ),
        "moved": Quantity(
            "how much each head adds to the stream from each token, as a length",
            note=(
                "The weight times the length of what that token’s value adds to the residual stream. A square "
                "that is strong above and pale here looks hard at something that holds nearly nothing; often "
                "that is the first token."
            ),
        ),
        "habit": Quantity(
            "where heads look on average, as a share of their attention",
            note=(
                "The mean over all tokens after the first. A head that gives one of these places far more than "
                "any head of the untrained network has learned to look there."
            ),
        ),
        "entropy": Quantity(
            "how spread out each head’s look is: entropy in nats",
            note=(
                "Mean over the tokens after the first. 0 is a head that looks at one token alone; the most that"
                " is possible here is that of a head that looks everywhere alike."
            ),
        ),
    },
    axes={
        "query": Dimension("token", "looking"),
        "key": Dimension("token", "looked at"),
        "network": Dimension(
            "class",
            controls=(
                "untrained",
                "uniform",
            ),
        ),
        "place": Dimension("class"),
    },
    entries={
        "model": "this model",
        "untrained": "an untrained network",
        "uniform": "looking everywhere alike",
        "itself": "the token itself",
        "the one before": "the token before it",
        "the first": "the first token",
    },
)

HEAD_SCORES = Legend(
    title="Heads with a rule",
    question=(
        "Which heads follow a rule wherever it applies: look one back, find the same token, or what came after it?"
    ),
    reading=(
        "The model reads random tokens that come twice in the same order, so that nothing can be guessed from "
        "language. A score is the share of its attention that a head gives to the token its rule asks for, from"
        " 0 to 1. Induction is the rule of copying: look at what followed the last time."
    ),
    nothing=(
        "Without any such head the model’s scores are as low as the untrained network’s, and the loss stays the"
        " same when the tokens come again."
    ),
    control=(
        "An untrained network of the same shape, and a head that looks everywhere alike; both on the same scale"
        " of colours."
    ),
    quantities={
        "score": Quantity(
            "share of its attention that each head gives to the token the rule asks for",
            note=(
                "One square for each head: layers down, heads across. Only what stands clear of the untrained "
                "network’s largest score is a head with that rule."
            ),
            error="error",
        ),
        "error": Quantity("standard error of each score, over sequences", show="beside"),
        "loss": Quantity(
            "loss at each position, in nats",
            note=(
                "The second half repeats the first. A line that falls where the repetition begins belongs to a "
                "network that uses what it has read; an even guess among all tokens stays flat. A model of "
                "language does worse than that on random tokens, since it expects text."
            ),
        ),
    },
    numbers={
        "best_previous": "head that stands out at looking one back",
        "best_duplicate": "at finding the same token",
        "best_induction": "at induction",
        "first_half_loss": "",
        "induction_loss": "",
        "first_half_loss_untrained": "",
        "induction_loss_untrained": "",
        "seed": "",
        "batch": "",
        "length": "",
    },
    axes={
        "network": Dimension(
            "class",
            controls=(
                "untrained",
                "uniform",
            ),
        ),
        "pattern": Dimension("class"),
    },
    entries={
        "model": "this model",
        "untrained": "an untrained network",
        "uniform": "looking everywhere alike",
        "previous": "the token before",
        "duplicate": "the same token, earlier",
        "induction": "what followed it then (induction)",
    },
)

ROLLOUT = Legend(
    title="Which tokens count",
    question="Which tokens does the last prediction really use, and does following the attention tell?",
    reading=(
        "Above, the truth: how far the prediction moves, in nats, when a token is taken away. It is cut when no"
        " later token may attend to it, and replaced when a random token stands in its place. Below, the guess:"
        " attention multiplied through the layers (rollout), a share for each token. A guess is good if it "
        "ranks the tokens as the truth does: Spearman’s correlation is 1 for the same order, 0 where there is no "
        "relation, −1 for the opposite order."
    ),
    nothing=(
        "Where nothing is used, the sentence stays pale above. If rollout explained nothing, its correlation "
        "with the truth would be no higher than that of attention"
        " spread evenly, or of an untrained network. In a deep network all three end up on the first token, "
        "whatever was learned, and only how they rank the others is left."
    ),
    control=(
        "What taking each token away really does; and three guesses that cost nothing: attention that is the "
        "same everywhere, an untrained network’s rollout, and the last layer’s attention alone."
    ),
    quantities={
        "kl": Quantity(
            "how far the prediction moves without each token, in nats (KL divergence)",
            note=(
                "Taken away in two ways. Replacing a token also takes what later tokens made of it; cutting "
                "leaves what it does at its own place. The last token, whose prediction it is, stays white."
            ),
        ),
        "guess": Quantity(
            "guesses at each token’s share in the prediction, by their rank",
            note=(
                "The stronger the colour, the higher a guess ranks the token among those before the last; hovering "
                "tells the share. Shares themselves would show little: in a deep network nearly all is on the first "
                "token."
            ),
        ),
        "correlation": Quantity(
            "how well each guess ranks the tokens: Spearman’s correlation with the truth",
            note="Over all tokens before the last. Read rollout’s line beside the three below it.",
        ),
        "rollout": Quantity(
            "rollout of every token",
            note=(
                "Each row says how much of the token at its left comes from each token before it, if only "
                "attention mattered."
            ),
            show="folded",
        ),
        "drop": Quantity(
            "fall of the predicted token’s log-probability without each token, in nats",
            note="Below 0 the token was in the way.",
            show="folded",
        ),
    },
    numbers={
        "target": "",
        "fusion": "",
        "discard": "",
        "samples": "",
        "correlation_cut": "",
        "correlation_replaced": "",
    },
    axes={
        "query": Dimension("token"),
        "key": Dimension("token"),
        "source": Dimension("token"),
        "guess": Dimension(
            "class",
            controls=(
                "uniform",
                "untrained",
                "last layer",
            ),
        ),
        "ablation": Dimension("class"),
    },
    entries={
        "rollout": "rollout",
        "uniform": "attention spread evenly",
        "untrained": "rollout of an untrained network",
        "last layer": "the last layer’s attention alone",
        "cut": "cut: no later token may attend to it",
        "replaced": "replaced: a random token in its place",
    },
    ids=("target",),
)

TOKEN_SALIENCY = Legend(
    title="What the next token hangs on",
    question="Which tokens of the sentence speak for the next token, and does its gradient tell?",
    reading=(
        "In nats of the next token’s log-probability, for each token before it: orange where it spoke for the next "
        "token, whose chance falls without it, and blue where it spoke against. It is measured by putting others in "
        "its place, and by keeping later tokens from reading it. The gradient, times what enters the first block, is a "
        "guess at the same that costs one backward pass."
    ),
    nothing=(
        "If the model used nothing of what it reads, its row would be no stronger than the untrained network’s, whose "
        "chances move a little with any token. If the gradient told nothing, its correlation with what is measured "
        "would be about 0."
    ),
    control="An untrained network of the same shape, asked about the same next token: the second row of each figure.",
    quantities={
        "replaced": Quantity(
            "fall of its log-probability with other tokens in the place of each, in nats",
            note="The mean over {samples} tokens drawn at random. This also takes what later tokens made of it.",
        ),
        "cut": Quantity(
            "fall of its log-probability where no later token may read each, in nats",
            note="The last is 0: what it hands over itself cannot be cut.",
        ),
        "gradient": Quantity(
            "what the gradient guesses, in nats (gradient times input)",
            note="By how much it would fall as the token’s vector goes to zero, if all were linear, which it is not.",
        ),
        "correlation": Quantity(
            "how well the gradient’s sizes rank the tokens: Spearman’s correlation with those replaced",
            note="Over all tokens. 1 is the same order, 0 none.",
            ends=(-1.0, 1.0),
        ),
    },
    numbers={"target": "", "log_probability": "", "log_probability_untrained": "", "samples": ""},
    axes={
        "source": Dimension("token"),
        "network": Dimension("class", controls=("untrained",)),
    },
    entries={"model": "this model", "untrained": "an untrained network"},
    ids=("target",),
)
