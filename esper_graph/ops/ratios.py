"""Factors that are exact fractions, so that sizes computed with them are exact too.

>>> ratio_of(1.25)
Ratio(numerator=5, denominator=4)
"""

from fractions import Fraction
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

LARGEST_DENOMINATOR = 1000


class Ratio(NamedTuple):
    """A positive fraction in lowest terms."""

    numerator: int
    denominator: int


def ratio_of(value: float) -> Ratio:
    """Return the fraction with a denominator of at most 1000 that a number stands for.

    Raises:
        ValueError: There is none.
    """
    fraction = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
    if float(fraction) != value:
        raise ValueError(f"{value} is not a fraction with a denominator of at most {LARGEST_DENOMINATOR}")
    return Ratio(fraction.numerator, fraction.denominator)


def _is_ratio(value: float) -> float:
    ratio_of(value)
    return value


RatioNumber = Annotated[float, Field(gt=0.0, le=1_000_000.0), AfterValidator(_is_ratio)]
"""A positive number that `ratio_of` can read, such as 1.25 or 1/3."""
