"""Identifiers as words."""

import pytest

from glassworks.draw.names import name_of, words


@pytest.mark.parametrize(
    ("name", "method", "said"),
    [
        ("nats_alone", "surprise", "surprise where only the token before is read, in nats"),
        ("mean", "neuron_ablation", "mean activation, to which it is set"),
        ("resid_pre", "activation_patching", "stream before the block"),
        ("resid_pre_control_true", "activation_patching", "stream before the block: the real change there"),
        ("z_pearson", "attribution_patching", "what each head reads off: Pearson’s r with the truth"),
        ("z", "ablation", "what silencing each head does"),
        ("pearson", "edge_attribution", "Pearson’s r with the truth"),
        ("scale", "circuit", "difference of the two runs' metrics"),
        ("kl", "a_method_of_yours", "KL"),
        ("k_means_of_q", "a_method_of_yours", "k means of q"),
    ],
)
def test_arrays_and_settings_are_called_what_they_are(name: str, method: str, said: str) -> None:
    assert name_of(name, method) == said


def test_parts_of_names_are_written_as_they_are_in_the_field() -> None:
    assert [words(name) for name in ("mlp_probe", "svcca", "num_tokens", "median_r2", "")] == [
        "MLP probe",
        "SVCCA",
        "number of tokens",
        "median R²",
        "",
    ]
