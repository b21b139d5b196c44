import pytest

from citybrain.units import UNITS, Quantity, format_number, known_unit, parse_quantity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4.5 m", Quantity(4.5, "m")),
        ("-0.5 m", Quantity(-0.5, "m")),
        ("+3 ℃", Quantity(3, "℃")),
        ("100 %", Quantity(100, "%")),
        ("10 %LEL", Quantity(10, "%LEL")),
        ("  4.5   m  ", Quantity(4.5, "m")),
        ("20 m3/s", Quantity(20, "m³/s")),
        ("35 ug/m3", Quantity(35, "µg/m3")),
        ("35 μg/m³", Quantity(35, "µg/m3")),  # The Greek letter.
        ("5 °C", Quantity(5, "℃")),
        ("80 ％", Quantity(80, "%")),
        ("2 persons/m²", Quantity(2, "persons/m2")),
    ],
)
def test_a_quantity_is_a_number_a_space_and_a_unit(text, expected):
    assert parse_quantity(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("4.5", "has no unit, expected one such as `4.5 m`"),
        ("4.5cm", "has no space before the unit, expected `4.5 cm`"),
        ("m", "is no quantity"),
        ("", "is no quantity"),
        ("four m", "is no quantity"),
        ("nan m", "is no quantity"),
        ("inf m", "is no quantity"),
        ("−4 m", "is no quantity"),
        ("4 furlong", "'furlong' is no known unit, expected one of m, cm"),
        ("4 M", "'M' is no known unit"),
        ("4 m m", "'m m' is no known unit"),
    ],
)
def test_anything_else_says_what_is_missing(text, says):
    with pytest.raises(ValueError, match=says.replace("`", ".").replace("(", r"\(")):
        parse_quantity(text)


def test_an_unclear_m_says_both_things_it_could_be():
    with pytest.raises(ValueError, match=r"minutes are `5min`, metres are `5 m`"):
        parse_quantity("5m")


@pytest.mark.parametrize("unit", UNITS)
def test_a_known_unit_stays_as_it_is(unit):
    assert known_unit(unit) == unit
    assert parse_quantity(f"1 {unit}").unit == unit


@pytest.mark.parametrize(
    ("number", "expected"),
    [(4.0, "4"), (4.5, "4.5"), (100.0, "100"), (0.1234, "0.123"), (-0.0001, "0"), (0.0, "0"), (1200.0, "1200")],
)
def test_a_number_has_no_trailing_zeros(number, expected):
    assert format_number(number) == expected


def test_a_quantity_reads_as_it_was_written():
    assert str(parse_quantity("-0.50 m")) == "-0.5 m"


def test_a_slope_of_every_sampled_unit_can_be_written():
    # `slope_over` gives unit per hour; a limit on it must be writable for every metric a rule may take the slope of.
    for unit in ("m", "cm", "mm", "℃", "m³/s", "hPa", "MPa", "%LEL"):
        assert str(parse_quantity(f"1 {unit}/h")) == f"1 {unit}/h"
