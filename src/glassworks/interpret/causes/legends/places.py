"""Legends of what is changed in a run: patching, ablation, steering."""

from glassworks.interpret.causes.legends.wording import ANSWER, IDS, PAIR_NUMBERS, PAIR_QUANTITIES, SWEEP_AXES
from glassworks.trace.legend import Dimension, Legend, Quantity

SITES = {
    "resid_pre": (
        "the stream as it enters each layer",
        "The whole residual stream of one token, replaced before each layer. Watch the answer leave the token that "
        "differs and arrive at the last.",
    ),
    "resid_mid": ("the stream between attention and MLP", "The whole residual stream of one token."),
    "resid_post": ("the stream as it leaves each layer", "The whole residual stream of one token."),
    "attn_out": (
        "what each layer’s attention writes",
        "Only what one layer’s heads write at one token. This is where information is fetched from other tokens.",
    ),
    "mlp_out": (
        "what each layer’s MLP writes",
        "Only what one layer’s MLP writes at one token. It works on what is there already.",
    ),
    "q": ("the query of each head", ""),
    "k": ("the key of each head", ""),
    "v": ("the value of each head", ""),
    "z": ("what each head reads off", ""),
    "pattern": ("where each head looks", ""),
    "mlp": ("the hidden layer of each MLP", ""),
}
"""Places of a sweep in words, and what is to be seen there."""


def sweep(
    of: str,
    metric: str,
    control: str,
    note: str,
    *,
    caption: str = "",
    least: float = 0.0,
    ends: tuple[float, ...] = (),
) -> dict[str, Quantity]:
    """The quantities of a sweep: of each site what was found, and beside the largest of it random changes.

    The caption of a map is `about`, or else what is to be seen at its site.
    """
    quantities: dict[str, Quantity] = {}
    for site, (title, more) in SITES.items():
        quantities |= {
            site: Quantity(f"{title}: {of}", note=caption or more, least=least, ends=ends),
            f"{site}_control_true": Quantity(
                f"{title}: the largest effects beside random changes",
                note=note,
                controls=(f"{site}_control",),
                least=least,
                ends=ends,
            ),
            f"{site}_control": Quantity(control, show="beside", error=f"{site}_deviation"),
            f"{site}_deviation": Quantity("spread over random directions (standard deviation)", show="beside"),
            f"{site}_metric": Quantity(f"{title}: {metric}", show="kept"),
        }
    return quantities


ACTIVATION_PATCHING = Legend(
    title="Where the answer sits",
    question=f"Which values, at which token and layer, carry {ANSWER}?",
    reading=(
        "The model reads the contrasting text, and one value is replaced by what it was on the text itself. A cell "
        "says how much of the text’s answer comes back: 0 nothing, 1 all of it, below 0 it goes further away. Each "
        "column is a token, each row a layer; the columns to watch are the tokens that differ and the last one, "
        "where the answer is given. Below each map are its largest cells, each beside what random changes do there."
    ),
    nothing=(
        "The shape alone proves little. Before the first token that differs all is 0 in any network, and in the "
        "first row of the stream that token holds 1. Even in an untrained network the effect moves on to the last "
        "token, since attention passes everything along; but there it is an effect of a fraction of a nat, and "
        "random changes do as much."
    ),
    control=(
        "At the cells of largest effect, and at a few others, random changes of the same size in several directions: "
        "an effect that is not far outside their spread is only the disturbance. 0 is the plain run on the "
        "contrasting text and 1 the plain run on the text, by construction."
    ),
    quantities={
        **sweep(
            "share of the answer that comes back",
            "the answer with each patch",
            "random changes of the same size there: their mean ± deviation",
            "The cells of largest effect, then some drawn from the others that differ.",
            ends=(-1.0, 1.0),
        ),
        **PAIR_QUANTITIES,
    },
    numbers=PAIR_NUMBERS,
    axes=SWEEP_AXES,
    ids=IDS,
)

ATTRIBUTION_PATCHING = Legend(
    title="Patching by one gradient",
    question=f"Can one gradient guess what patching each head would do to {ANSWER}, without patching any?",
    reading=(
        "Each dot is a head or an MLP: across stands the guess, the change of its value times the slope of the "
        "answer, and upwards what really patching it does; both as shares, 0 nothing and 1 the whole answer. Dots on "
        "the diagonal were guessed right. Below are those that matter most by name, and the maps of all."
    ),
    nothing=(
        "If the guess knew nothing, the dots would lie anywhere, and its correlation with the truth would be no better "
        "than that of the shuffled guesses; of few dots, as of four MLPs, even that may be far from 0. A good one says "
        "that the guess can be trusted, not that there is much to find: it is as good in an untrained network."
    ),
    control="The true patching of every place, and the correlation of the guesses dealt out at random.",
    quantities={
        **{
            name: Quantity(
                f"{title}: guessed share of the answer", note="Beside it what patching does.",
                controls=(f"{name}_true",), ends=(-1.0, 1.0),
            )
            for name, (title, _) in SITES.items()
        },
        **{
            f"{name}_true": Quantity("as measured by patching", show="beside")
            for name in SITES
        },
        **PAIR_QUANTITIES,
    },
    numbers={
        **PAIR_NUMBERS,
        **{f"{name}_{measure}": "" for name in SITES for measure in ("pearson", "spearman", "shuffled")},
    },
    axes=SWEEP_AXES,
    ids=IDS,
)  # fmt: skip

ABLATION = Legend(
    title="Silencing heads and MLPs",
    question=f"How much does {ANSWER} lose when one head or MLP is silenced?",
    reading=(
        "Each cell is a head, layers down and heads across: blue lowers the answer when it is silenced, so it "
        "helped; orange raises it. Silenced means one of three things: set to zero, set to its mean over {reference} "
        "other texts, or set to what it was on one of them (the mean of {draws} draws). Trust what all three agree "
        "on, and what lies outside the spread of the random changes beside it."
    ),
    nothing=(
        "Where a part does nothing in particular for this answer, silencing it does no more than a random change of "
        "the same size; so it is with an untrained network’s heads."
    ),
    control=(
        "At the places of largest effect, and at a few others, random changes of the same size. Zero alone may only "
        "say that zero is unlike anything the rest has met; that is why three ways stand beside each other."
    ),
    quantities={
        **sweep(
            "change of the answer when it is silenced, in nats",
            "the answer with each silenced",
            "a random change of the same size: mean ± deviation",
            "In one colour a way of silencing and, hollow, random changes of the same size.",
            caption="At all tokens at once, unless tokens stand across.",
            least=1.0,
        ),
        "plain": Quantity("the answer with nothing silenced", show="kept"),
    },
    numbers={
        **PAIR_NUMBERS,
        "rows": "",
        "reference": "",
        "draws": "",
    },
    axes=SWEEP_AXES,
    entries={"zero": "set to zero", "mean": "set to its mean", "resample": "as on another text"},
    ids=IDS,
)

PATCH_POINTS = Legend(
    title="Points that carry the answer",
    question=f"Which points, patched, bring back {ANSWER}?",
    reading="The model reads the contrasting input, one point of it as on the clean one: 0 is nothing, 1 all.",
    nothing="A point that carries nothing particular moves the answer no more than the random change beside it.",
    control="A random change of the same size in each row, at the same point.",
    quantities={
        "effect": Quantity("share of the answer that comes back", controls=("control",), ends=(-1.0, 1.0)),
        "control": Quantity("a random change of the same size", show="beside"),
        "metric": Quantity("the answer with each patch", show="kept"),
        **PAIR_QUANTITIES,
    },
    numbers=PAIR_NUMBERS,
    axes={"point": Dimension("class"), "pair": Dimension("example")},
    ids=IDS,
)

ABLATE_POINTS = Legend(
    title="Silencing points",
    question=f"How much does {ANSWER} lose when one point is silenced?",
    reading="Below 0 the answer falls when the point is silenced, so it helped.",
    nothing="A point that does nothing in particular changes the answer no more than the random change beside it.",
    control="A random change of the same size in each row, at the same point.",
    quantities={
        "effect": Quantity("change of the answer when it is silenced, in nats", controls=("control",), least=1.0),
        "control": Quantity("a random change of the same size", show="beside"),
        "metric": Quantity("the answer with each silenced", show="kept"),
        "plain": Quantity("the answer with nothing silenced", show="kept"),
    },
    numbers={**PAIR_NUMBERS, "rows": ""},
    axes={"kind": Dimension("class", "silenced"), "point": Dimension("class"), "pair": Dimension("example")},
    entries=ABLATION.entries,
    ids=IDS,
)

STEERING = Legend(
    title="Steering the answer",
    question=f"Does pushing one place along one direction bring about {ANSWER}?",
    reading=(
        "The model reads the contrasting text, and a multiple of one direction is added to {place}. Across stands "
        "the multiple, upwards the answer. Where the direction is the text’s own value there less the contrasting "
        "one’s, at 1 the place holds exactly what it holds on the text: how far that is from the text’s own answer "
        "says how much of it is held there, and how much is still on its way from other tokens."
    ),
    nothing="A direction without meaning moves the answer no more than the random ones do: its line stays among them.",
    control=(
        "{draws} random directions of the same length (their mean, with whiskers of one standard deviation), the same "
        "push at a wrong place ({wrong_place}), and no push."
    ),
    quantities={
        "metric": Quantity(
            "the answer by the length of the push",
            note=(
                "At a push of {longest} the effect of the direction lies {beyond_random} deviations of the random ones "
                "from their mean."
            ),
            error="deviation",
        ),
        "deviation": Quantity("spread over random directions (standard deviation)", show="beside"),
        "metric_of_pair": Quantity("the answer of each pair", show="kept"),
    },
    numbers={
        **PAIR_NUMBERS,
        **dict.fromkeys(
            (
                "plain",
                "goal",
                "beyond_random",
                "longest",
                "draws",
                "how",
                "point",
                "wrong_point",
                "place",
                "wrong_place",
            ),
            "",
        ),
    },
    axes={
        "row": Dimension("class", controls=("random directions", "wrong place", "null")),
        "scale": Dimension("value", "multiple of the direction"),
        "pair": Dimension("example"),
    },
    entries={
        "direction": "along the direction",
        "random directions": "along random directions",
        "wrong place": "the direction, at the wrong place",
        "null": "no push",
    },
    ids=IDS,
)
