"""A neuron's rules as sentences, and what they are worth on held-out inputs."""

import math

from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import fixed, minus
from glassworks.interpret.neurons.rule_report import rules_of as rules_of_report
from glassworks.interpret.neurons.rules import Rule
from glassworks.trace.neurons.rules import Leaf, rules_table
from glassworks.trace.neurons.view import Neuron

RULES = 6


def rules_of(neuron: Neuron) -> list[Rule]:
    """The leaves of its tree, the highest activation first; none where there is no tree."""
    report = neuron.of.rules
    if report is None or neuron.at(report) is None:
        return []
    return rules_of_report(report, neuron.of.point).rules(neuron.number)


def rules_figure(neuron: Neuron) -> Markup:
    """The tree's leaves as sentences, with what they are worth on held-out inputs."""
    caption = (
        "A decision tree grown on other inputs, each leaf as the conditions that lead to it, the strongest first. "
        "“Fires” is how often the neuron did where they held, “seen” at how many places they held."
    )
    table = rules_table([Leaf(*rule) for rule in rules_of(neuron)], RULES)
    return join([tag("figure", table, tag("figcaption", caption)), scores_table(neuron)])


def scores_table(neuron: Neuron) -> Markup:
    """R² and F1 on held-out inputs, beside the controls."""
    assert neuron.of.rules is not None
    trace = neuron.of.rules
    place = trace.labels["point"].index(neuron.of.point)
    rows = [("trees", neuron.score("r2"), neuron.score("f1"))]
    for i, row in enumerate(trace.labels["row"][1:], 1):
        if row == "untrained network":  # its neurons of the same numbers are others
            r2, f1 = (float(trace.arrays[name][i, place]) for name in ("median_r2", "median_f1"))
            rows.append((f"{row}, median neuron", r2, f1))
        else:
            rows.append((row, neuron.score("r2", row), neuron.score("f1", row)))
    rows.append(("“it fires” everywhere", math.nan, neuron.value(trace, "f1_always", place)))
    head = tag("tr", tag("th", "on held-out inputs"), tag("th", "R²", scope="col"), tag("th", "F1", scope="col"))
    body = [
        tag("tr", tag("th", name, scope="row"), tag("td", minus(fixed(r2, 3))), tag("td", fixed(f1, 3)), class_=ours)
        for (name, r2, f1), ours in zip(rows, ["ours", *[None] * (len(rows) - 1)], strict=True)
    ]
    caption = (
        "R² is the share of the activation's variance that the rules explain, F1 how well they say whether it fires. "
        "Trees on shuffled features and of an untrained network say what such numbers come to without meaning."
    )
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="comparison scores")
    return tag("figure", table, tag("figcaption", caption))
