"""Identifiers as words."""

from glassworks.draw.names import words


def test_parts_of_names_are_written_as_they_are_in_the_field() -> None:
    assert [words(name) for name in ("mlp_probe", "svcca", "num_tokens", "median_r2", "")] == [
        "MLP probe",
        "SVCCA",
        "number of tokens",
        "median R²",
        "",
    ]
