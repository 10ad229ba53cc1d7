"""Legends of what is read off a GPT: lenses, heads, attribution, health."""

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
        "mean": "mean surprise with the context, nats a token",
        "mean_alone": "mean surprise without it, nats a token",
    },
    ids=("top_ids",),
)

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
                "The large square is the head with the sharpest look, the lowest entropy; choose another, and "
                "it is drawn below its row. Colours grow with the square root of the weight, so that small ones"
                " are seen."
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
    quantities={
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
    },
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
    quantities={
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
    },
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
                "The mean over all places of held-out text. The last layer reads itself, 0 nats, and is left "
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
    numbers={"lens": "the translation was", "num_tokens": "held-out tokens", "seed": ""},
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
        "best_previous": "best head at looking one back",
        "best_duplicate": "best head at finding the same token",
        "best_induction": "best induction head",
        "first_half_loss": "loss while the tokens are new, nats",
        "induction_loss": "loss when they come again, nats",
        "first_half_loss_untrained": "untrained: loss while they are new, nats",
        "induction_loss_untrained": "untrained: loss when they come again, nats",
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

LOGIT_ATTRIBUTION = Legend(
    title="Who wrote the prediction",
    question="Which heads and MLPs put the predicted token’s logit where it is?",
    reading=(
        "A logit is a sum with one term for each component: the embedding, each head, each MLP. Each column is "
        "a place in the sentence, each row a component; orange raised the logit of the token predicted there, "
        "blue lowered it, in units of logit. What counts is how far a term stands above what the same write "
        "adds to the average token, for what lifts all logits alike changes no probability."
    ),
    nothing=(
        "Without anything to find, the token predicted is the one whose terms happen to add up: many small "
        "ones, hardly any more than three deviations from what the same write adds to other tokens."
    ),
    control=(
        "Beside each term what the same write adds to all other tokens of the vocabulary, on average and in "
        "spread; and the terms sum to the model’s logit."
    ),
    quantities={
        "term": Quantity(
            "what each component adds to the logit of the token predicted",
            note=(
                "Read down a column: with the embedding at the top, the terms add up to that place’s logit. A "
                "term is only what is written for the last step to read; what a head does by way of later "
                "layers is in their terms."
            ),
            controls=("vocabulary_mean",),
        ),
        "vocabulary_mean": Quantity(
            "what the same write adds to the average token",
            note="The mean over the vocabulary.",
            show="beside",
            error="vocabulary_std",
        ),
        "vocabulary_std": Quantity("its spread over the vocabulary (standard deviation)", show="beside"),
        "target": Quantity("the token predicted at each place", show="beside", colours="logit"),
        "logit": Quantity("its logit, the sum of the column", show="beside"),
        "output": Quantity(
            "its logit as the model returns it",
            note="Where the architecture caps its logits softly, the sum and what is returned differ.",
            show="folded",
        ),
        "scale": Quantity("the number that the final norm divides by, held as it is", show="folded"),
    },
    numbers={"unexplained": "largest part of a logit that the terms leave out"},
    axes={"component": Dimension("class"), "position": Dimension("token")},
    entries={"embed": "embedding", "position": "position embedding", "norm.bias": "final norm’s bias"},
    ids=(
        "target",
        "against",
    ),
)

NEURON_ATTRIBUTION = Legend(
    title="Which neurons wrote it",
    question="Which single neurons raised or lowered the logit of the token predicted after the last one?",
    reading=(
        "Each neuron adds its activation times what its output weights say about the predicted token "
        "“{target}”. The list has the neurons that add most and take most, by layer and number, in units of "
        "logit; the curve shows whether few neurons do it or many."
    ),
    nothing=(
        "In an untrained network the largest terms are those that chance leaves among so many neurons, about "
        "three deviations from what the same neuron adds to other tokens, and none stands apart from the next."
    ),
    control=(
        "What the same activations add to the average token of the vocabulary; with the other components’ "
        "terms, the neurons’ sum to the logit."
    ),
    quantities={
        "term": Quantity(
            "what each neuron adds to the logit of “{target}”",
            note=(
                "The ten that raise it most and the ten that lower it most, each beside what it adds to the "
                "average token. Below it all neurons in order of their term: a curve that drops at once is the "
                "work of a few."
            ),
            controls=("vocabulary_mean",),
        ),
        "vocabulary_mean": Quantity("what it adds to the average token", show="beside", error="vocabulary_std"),
        "vocabulary_std": Quantity("its spread over the vocabulary (standard deviation)", show="beside"),
        "activation": Quantity("each neuron’s activation, after the nonlinearity", show="beside"),
        "rest": Quantity(
            "what everything that is no neuron adds to it",
            note="The embedding, the heads, and biases where there are any.",
        ),
    },
    numbers={
        "logit": "the logit: all terms together",
        "output": "the logit as the model returns it",
        "target": "",
        "position": "",
    },
    axes={"neuron": Dimension("unit"), "component": Dimension("class")},
    entries={"embed": "embedding", "norm.bias": "final norm’s bias"},
    ids=(
        "target",
        "against",
    ),
)

RESIDUAL_DECOMPOSITION = Legend(
    title="What fills the stream",
    question="At the last token, how much of the final residual stream did each component write?",
    reading=(
        "The stream is the sum of what the embedding, each head and each MLP wrote. A bar is a component’s "
        "share of the stream’s squared length: shares sum to 1; one below 0 writes against the rest, and one "
        "above 1 is cancelled in part by others."
    ),
    nothing=(
        "An untrained network’s components write in unrelated directions, so each has a share in proportion to "
        "its own squared length, and none is far below 0."
    ),
    control=(
        "An untrained network of the same shape. A large share is no proof of weight: later readers may ignore it."
    ),
    quantities={
        "share": Quantity(
            "share of the stream’s squared length that each component wrote",
            note="Shares of one network sum to 1, in this model and in the untrained one.",
        ),
        "norm": Quantity("length of what each component writes", note="In units of the stream.", show="folded"),
        "cosine": Quantity(
            "whether it writes along the final stream: cosine",
            note=("1 is along it, −1 against it. Two unrelated directions of this width have about ±{chance_cosine}."),
            show="folded",
        ),
        "write": Quantity("the vectors", show="kept"),
        "stream": Quantity("their sum", show="kept"),
    },
    numbers={"chance_cosine": "", "unexplained": "largest coordinate of the stream that the writes leave out"},
    axes={
        "component": Dimension("class"),
        "position": Dimension("token"),
        "width": Dimension("unit"),
        "network": Dimension("class", controls=("untrained",)),
    },
    entries={"model": "this model", "untrained": "an untrained network", "embed": "embedding"},
)

ROLLOUT = Legend(
    title="Which tokens count",
    question="Which tokens does the last prediction really use, and does following the attention tell?",
    reading=(
        "Above, the truth: how far the prediction moves, in nats, when a token is taken away. It is cut when no"
        " later token may attend to it, and replaced when a random token stands in its place. Below, the guess:"
        " attention multiplied through the layers (rollout), a share for each token. A guess is good if it "
        "ranks the tokens as the truth does; 1 is the same order, 0 no relation."
    ),
    nothing=(
        "If rollout explained nothing, its correlation with the truth would be no higher than that of attention"
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
                "leaves what it does at its own place."
            ),
        ),
        "guess": Quantity("guesses at each token’s share in the prediction", note="Each row sums to 1."),
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
        "target": "the token predicted",
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
        "cut": "no later token may attend to it",
        "replaced": "a random token in its place",
    },
    ids=("target",),
)

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
            note="A rare unit looks dead in a small batch.",
            controls=("dead_fraction_untrained",),
        ),
        "dead_fraction_untrained": Quantity("the same, untrained", show="beside"),
    },
    numbers={
        "loss": "loss of this batch, nats a token",
        "loss_untrained": "loss of it, untrained, nats a token",
        "num_tokens": "tokens of the batch",
        "text": "",
    },
    axes={"site": Dimension("class"), "part": Dimension("class"), "outer": Dimension("class")},
    entries={
        "resid_post": "residual stream behind the block",
        "attn_out": "what attention writes",
        "mlp_out": "what the MLP writes",
    },
)
