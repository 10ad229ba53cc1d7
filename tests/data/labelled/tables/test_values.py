from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassworks.data.labelled.tables.values import How, date_of, number_text, numbers, texts

NAN = float("nan")


@pytest.mark.parametrize(
    ("how", "written", "read"),
    [
        ("point", ["1", "-2.5", ".5", "5.", "+1e3", "1,234.5", "1,234,567"], [1, -2.5, 0.5, 5, 1000, 1234.5, 1234567]),
        ("point", ["1,5", "1.234.567", "0x10", "1_0", "a", "12,34"], [NAN] * 6),
        ("point", ["inf", "-Infinity", "1e39", "123456789012345678901"], [NAN, NAN, NAN, 123456789012345678901.0]),
        ("comma", ["1", "1,5", "1.234,5", "-,5", "1.234.567"], [1, 1.5, 1234.5, -0.5, 1234567]),
        ("comma", ["1.5", "1,234,567", "a"], [NAN] * 3),
        ("boolean", ["true", "YES", "y", "f", "No", "1", "maybe"], [1, 1, 1, 0, 0, NAN, NAN]),
        ("iso", ["1970-01-02", "1970-01-01 12:00", "1970-01-01T06:00:00Z"], [1, 0.5, 0.25]),
        ("iso", ["1970-01-02T00:00:00+02:00", "2024-02-30", "20240101", "12:30"], [1 - 2 / 24, NAN, NAN, NAN]),
        ("%d.%m.%Y", ["02.01.1970", "31.02.1970", "2.1.70"], [1, NAN, NAN]),
        ("%m/%d/%Y", ["01/02/1970", "13/02/1970"], [1, NAN]),
    ],
)  # fmt: skip
def test_values_are_read_as_they_are_written(how: How, written: list[str], read: list[float]) -> None:
    for some in (written, *([one] for one in written)):  # alone and together
        expected = [read[written.index(one)] for one in some]
        np.testing.assert_allclose(numbers(pa.array(some), how), expected, rtol=1e-12)
    assert np.isnan(numbers(pa.array([None], pa.string()), how)).all()


@settings(deadline=None)
@given(st.lists(st.floats(-1e30, 1e30), min_size=1))
def test_numbers_are_read_exactly_in_whatever_way_they_are_written(values: list[float]) -> None:
    assert numbers(pa.array([repr(value) for value in values]), "point").tolist() == values
    assert numbers(pa.array([repr(value).replace(".", ",") for value in values]), "comma").tolist() == values
    grouped = [f"{value:,.3f}" for value in values]
    assert numbers(pa.array(grouped), "point").tolist() == [float(text.replace(",", "")) for text in grouped]


@settings(deadline=None)
@given(st.datetimes(datetime(1600, 1, 1), datetime(2400, 1, 1)).map(lambda time: time.replace(microsecond=0)))
def test_times_come_back(time: datetime) -> None:
    (days,) = numbers(pa.array([time.isoformat()]), "iso")
    assert abs(days - (time - datetime(1970, 1, 1)) / timedelta(days=1)) < 1e-9
    assert datetime.fromisoformat(date_of(days)) == time


def test_types_other_than_strings_are_what_they_are() -> None:
    assert numbers(pa.array([1.5, None]), "comma").tolist()[0] == 1.5
    assert numbers(pa.array([True, False]), "point").tolist() == [1, 0]
    assert texts(pa.array([3.0, 2.5, None])).to_pylist() == ["3", "2.5", None]
    assert texts(pa.array([True])).to_pylist() == ["true"]
    assert texts(pa.array([datetime(2024, 1, 2)], pa.timestamp("us"))).to_pylist() == ["2024-01-02"]
    assert [number_text(value) for value in (3.0, -0.5, 1e300)] == ["3", "-0.5", "1e+300"]
