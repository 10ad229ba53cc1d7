"""How the values of a column become numbers, whatever way they are written in.

point     1234.5  1,234.5  -1e6  inf             numbers; a comma parts thousands
comma     1234,5  1.234,5                        numbers; a comma begins the decimals, a point parts thousands
boolean   true no Y f                            1 or 0
iso       2024-01-31  2024-01-31 12:30:05.5  2024-01-31T12:30:05Z     days since 1970-01-01 (UTC)
%d.%m.%Y  31.01.2024, and other orders of day and month in TIMES      days since 1970-01-01
"""

from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

How = Literal["point", "comma", "boolean", "iso", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d"]
NUMBERS: tuple[How, ...] = ("point", "comma")
TIMES: tuple[How, ...] = ("iso", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d")
"""Where a column can be read with the month first and with the day first, the month is."""
LARGEST = float(np.finfo(np.float32).max)
"""Numbers beyond it, and infinite ones, are taken as missing: inputs of networks are float32."""
DAY = 86_400e6
"""Microseconds."""

EXPONENT = r"([eE][+-]?\d+)?"
POINT = rf"^[+-]?((\d+|\d{{1,3}}(,\d{{3}})+)(\.\d*)?|\.\d+){EXPONENT}$|^[+-]?[iI][nN][fF]([iI][nN][iI][tT][yY])?$"
COMMA = rf"^[+-]?((\d+|\d{{1,3}}(\.\d{{3}})+)(,\d*)?|,\d+){EXPONENT}$"
ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)?)?$"
TRUE, FALSE = ("true", "yes", "y", "t"), ("false", "no", "n", "f")


def numbers(column: Any, how: How) -> NDArray[np.float64]:
    """A column as numbers of which each is finite and in the range of float32, or NaN: missing, or not written so."""
    read = floats(parsed(column, how))
    read[~(np.abs(read) <= LARGEST)] = np.nan
    return read


def floats(column: Any) -> NDArray[np.float64]:
    """An Arrow column of float64 as an array that is one's own; null becomes NaN."""
    return np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def parsed(column: Any, how: How) -> Any:
    """A column as an Arrow array of float64, null where a value is missing or not written in this way.

    Columns that are numbers, bool or times already are what they are, however strings would be read.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    if types.is_null(column.type):
        return pa.nulls(len(column), pa.float64())
    if types.is_timestamp(column.type):
        return pc.divide(column.cast(pa.int64()).cast(pa.float64(), safe=False), DAY)
    if not types.is_string(column.type):
        return column.cast(pa.float64())
    if how == "point" or how == "comma":
        return parsed_numbers(column, how)
    if how == "boolean":
        lower = pc.utf8_lower(column)
        true = pc.is_in(lower, value_set=pa.array(TRUE))
        known = pc.or_(true, pc.is_in(lower, value_set=pa.array(FALSE)))
        return pc.if_else(known, true.cast(pa.float64()), None)
    return parsed_iso(column if how == "iso" else as_iso(column, how))


def parsed_numbers(column: Any, how: How) -> Any:
    """Strings as numbers: all at once if they are written as Arrow reads them, or each as its pattern says."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if how == "point":
        try:
            return column.cast(pa.float64())
        except pa.ArrowInvalid:
            pass
    text = pc.if_else(pc.match_substring_regex(column, POINT if how == "point" else COMMA), column, None)
    text = pc.replace_substring(text, "," if how == "point" else ".", "")
    return pc.replace_substring(text, ",", ".").cast(pa.float64())


def as_iso(column: Any, how: How) -> Any:
    """Strings that are dates in a certain order as ISO dates; null where they are none."""
    import pyarrow.compute as pc

    pattern = how.replace(".", r"\.")
    for letter, digits in ("d", "{1,2}"), ("m", "{1,2}"), ("Y", "{4}"):
        pattern = pattern.replace(f"%{letter}", rf"(?P<{letter}>\d{digits})")
    found = pc.extract_regex(column, f"^{pattern}$")
    year, month, day = (pc.utf8_lpad(pc.struct_field(found, letter), 2, "0") for letter in "Ymd")
    return pc.binary_join_element_wise(year, month, day, "-")


def parsed_iso(column: Any) -> Any:
    """Strings as ISO 8601 dates or times, in days; one that names its zone is put into UTC."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return parsed(column.cast(pa.timestamp("us")), "iso")
    except pa.ArrowInvalid:
        likely = pc.match_substring_regex(column, ISO).to_pylist()
        texts = column.to_pylist()
    days = [day_of(text) if text is not None and ok else None for text, ok in zip(texts, likely, strict=True)]
    return pa.array(days, pa.float64())


def day_of(text: str) -> float | None:
    """The days since 1970 of an ISO date or time; None if there is no such day."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1e6 / DAY


def date_of(days: float) -> str:
    """Days since 1970 as an ISO date, with its time, to the second, where it has one."""
    time = np.datetime64(round(days * 86_400), "s")
    date = time.astype("datetime64[D]")
    return str(date if date == time else time)


def texts(column: Any) -> Any:
    """A column as strings, whole numbers without a point."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_string(column.type):
        return column
    if types.is_boolean(column.type):
        return column.cast(pa.string())
    if types.is_floating(column.type):
        return pa.array([None if value is None else number_text(value) for value in column.to_pylist()], pa.string())
    if types.is_timestamp(column.type):
        return pa.array(
            [None if day is None else date_of(day) for day in parsed(column, "iso").to_pylist()], pa.string()
        )
    return pa.nulls(len(column), pa.string())


def number_text(value: float) -> str:
    """A number in the fewest digits that say it: 3, 2.5, 1e+30."""
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
