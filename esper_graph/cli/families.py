"""What the commands about families share: their options, and what a time on the command line is.

The options are called like the arguments of the registry, so that a command hands them on as they are.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypedDict

import click

Command = Callable[..., None]


class Viewed(TypedDict):
    """How a family is looked at: what `view_options` give a command."""

    include_rediscoveries: bool
    as_of: datetime | None


class Moment(click.ParamType[datetime]):
    """A time with its zone, as ISO 8601."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """See `click.ParamType.convert`."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"`{value}` is no time; write it like 2026-11-25T12:00:00Z", param, ctx)
        if found.utcoffset() is None:
            self.fail(f"`{value}` has no time zone; add one, such as Z or +01:00", param, ctx)
        return found


MOMENT = Moment()


def view_options(command: Command) -> Command:
    """Add --rediscoveries and --as-of."""
    return as_of_option(rediscoveries_option(command))


def rediscoveries_option(command: Command) -> Command:
    """Add --rediscoveries."""
    return click.option(
        "--rediscoveries",
        "include_rediscoveries",
        is_flag=True,
        help="Follow derivations too that led to a structure which was known already.",
    )(command)


def as_of_option(command: Command) -> Command:
    """Add --as-of."""
    return click.option(
        "--as-of",
        type=MOMENT,
        metavar="TIME",
        help="The family as it was known then, such as 2026-11-25T12:00Z.",
    )(command)


def generations_option(what: str) -> Callable[[Command], Command]:
    """Add --max-generations."""
    return click.option(
        "--max-generations", type=click.IntRange(min=1), metavar="N", help=f"Derivations to {what}."
    )


def which_options(command: Command) -> Command:
    """Add what narrows a list of relatives, called like the fields of `Which`."""
    for option in (
        click.option("--max", "most", type=float, metavar="X", help="With --metric: up to this value."),
        click.option("--min", "least", type=float, metavar="X", help="With --metric: from this value on."),
        click.option("--device", metavar="DEVICE", help="With --metric: measured on this device."),
        click.option(
            "--metric",
            metavar="NAME",
            help="Only those that this metric was measured of; its newest value counts.",
        ),
        click.option("--until", type=MOMENT, metavar="TIME", help="Only those registered then or earlier."),
        click.option("--since", type=MOMENT, metavar="TIME", help="Only those registered then or later."),
        click.option(
            "--tag",
            "tags",
            metavar="TAG",
            multiple=True,
            help="Only those with this tag; several mean all of them.",
        ),
        click.option(
            "--by", "actor", metavar="ACTOR", help="Only those that came from a derivation by this actor."
        ),
        click.option("--kind", metavar="KIND", help="Only those that came from a derivation of this kind."),
    ):
        command = option(command)
    return command
