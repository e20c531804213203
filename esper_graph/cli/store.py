"""`esper-graph store`: start, stop and examine the store."""

from collections.abc import Mapping

import click

from esper_graph.cli.context import output_options, reason_option, registry, state
from esper_graph.cli.output import cell, document, emit, note, table


@click.group(no_args_is_help=True)
def store() -> None:
    """Start, stop and examine the store."""


def _settings():  # noqa: ANN202 -- Settings, imported late
    from esper_graph.config import load_settings
    from esper_graph.errors import ConfigError

    settings = load_settings(state().flags)
    if not settings.is_embedded:
        raise ConfigError(
            f"`{settings.uri}` is a server, which is started and stopped by others",
            hint="leave the URI out to mean the embedded engine",
        )
    return settings


@store.command()
@output_options
def start(as_json: bool, quiet: bool) -> None:
    """Start the embedded engine, and print where Neo4j Browser can connect to it."""
    from esper_graph.store.engines import embedded, embedded_runtime

    settings = _settings()
    registry().engine  # noqa: B018 -- starts it and puts the schema in place
    running = embedded.start(settings)
    facts = {
        "uri": running.uri,
        "username": embedded_runtime.USERNAME,
        "password_file": str(settings.data_directory / embedded_runtime.PASSWORD),
        "database": embedded_runtime.DATABASE,
        "pid": running.pid,
        "directory": str(settings.data_directory),
    }
    _print(facts, as_json=as_json, quiet=quiet, first="uri")


@store.command()
@output_options
def stop(as_json: bool, quiet: bool) -> None:
    """Stop the embedded engine, whoever uses it; -q prints its directory if it was running."""
    from esper_graph.store.engines import embedded

    settings = _settings()
    directory, stopped = str(settings.data_directory), embedded.stop(settings)
    emit(
        {"directory": directory, "stopped": stopped},
        as_json=as_json,
        quiet=quiet,
        ids=lambda: [directory] if stopped else [],
        people=lambda: note("stopped" if stopped else "it was not running"),
    )


@store.command()
@output_options
def status(as_json: bool, quiet: bool) -> None:
    """Tell where the store is and what is in it; the embedded engine is not started for that."""
    from esper_graph.config import load_settings
    from esper_graph.store.engines import embedded

    settings = load_settings(state().flags)
    facts: dict[str, object] = {"store": settings.uri, "kernels": settings.kernels, "actor": settings.actor}
    running = None
    if settings.is_embedded:
        running = embedded.status(settings)
        facts["directory"] = str(settings.data_directory)
        facts["running"] = running is not None
    if running is not None or not settings.is_embedded:
        opened = registry()
        facts |= {"engine": opened.engine.capabilities.agent, "blueprints": len(opened)}
        if running is not None:
            facts |= {"uri": running.uri, "pid": running.pid}
    _print(facts, as_json=as_json, quiet=quiet, first="store")


@store.command()
@reason_option
@output_options
def migrate(reason: str | None, as_json: bool, quiet: bool) -> None:
    """Bring the store up to this version: normal fingerprints and features by older rules are made again.

    Content never changes. Exits with 0 where there is nothing to do, too.
    """
    from esper_graph.ir.passes import PASS_SET

    found = registry().migrate(reason=reason)
    if as_json:
        click.echo(document({"passes": PASS_SET, **found._asdict()}))
    elif quiet:
        for name in dict.fromkeys([*found.renewed, *found.described]):
            click.echo(name)
    else:
        note(f"{len(found.renewed)} normal fingerprints computed, by {' '.join(PASS_SET)}")
        note(f"features of {len(found.described)} blueprints written")
        for name in found.without:
            note(f"`{name}` has none: what is left once it is simplified is too symmetric")


@store.command()
@output_options
def doctor(as_json: bool, quiet: bool) -> None:
    """Look for anything that is not as it was written; exits with 1 when something is found."""
    found = registry().doctor()
    if as_json:
        click.echo(document(found))
    elif quiet:
        for damage in found:
            click.echo(damage.subject)
    elif found:
        table(
            found,
            {
                "check": lambda one: one.check,
                "subject": lambda one: one.subject,
                "what": lambda one: one.message,
            },
        )
    else:
        note("all is as it was written")
    if found:
        click.get_current_context().exit(1)


def _print(facts: Mapping[str, object], *, as_json: bool, quiet: bool, first: str) -> None:
    if as_json:
        click.echo(document(facts))
    elif quiet:
        click.echo(facts[first])
    else:
        for name, value in facts.items():
            click.echo(f"{name:<16}{value if name == 'pid' else cell(value)}")
