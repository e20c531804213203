"""The command line: parse, call the registry, print. `esper-graph --help` loads click and little else."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from esper_graph.cli.context import CONNECTION, State
from esper_graph.errors import EsperGraphError

NOUNS: dict[str, tuple[str, str]] = {
    "demo": ("demo:demo", "Register, evolve, trace and compile real architectures."),
    "blueprint": ("blueprint:blueprint", "Register blueprints, look at them, search them."),
    "template": ("template:template", "Make blueprints of the ten templates."),
    "lineage": ("lineage:lineage", "Ask where blueprints come from and what came of them."),
    "evolve": ("evolve:evolve", "Derive new blueprints from registered ones."),
    "similar": ("similar:similar", "Find blueprints that are like one, and say how new one is."),
    "kernel": ("kernel:kernel", "Compile blueprints to TorchScript kernels."),
    "query": ("query:query", "Run the Cypher queries of the catalogue."),
    "store": ("store:store", "Start, stop and examine the store."),
}


class _Nouns(click.Group):
    """Loads the module of a noun when its commands are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NOUNS:
            return None
        module, _, name = NOUNS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"{__name__}.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from esper_graph.errors import close_names, suggestion

            hint = suggestion(close_names(args[0], NOUNS)) if args else None
            raise click.UsageError(f"{error.message}{f' {hint}' if hint else ''}", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in NOUNS.items()])


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"esper-graph {version('esper-graph')}")
        ctx.exit()


@click.group(cls=_Nouns, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
@CONNECTION
@click.pass_context
def root(ctx: click.Context, **flags: object) -> None:
    """Git for neural-network architectures, on Neo4j.

    Without a URI the embedded engine is used; it starts by itself. Commands take --json for one
    document and -q for bare ids. Data goes to standard output, the rest to standard error.

    Exit codes: 0 done, 1 refused or nothing found, 2 wrong use, 3 not found, 4 no valid blueprint, 5 no store
    answers, 6 in conflict with what is there.
    """
    ctx.obj = State(flags)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code: see `esper_graph.errors`."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = root.main(args=list(arguments), prog_name="esper-graph", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        click.echo("aborted", err=True)
        code = 1
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except EsperGraphError as error:
        _show(error, as_json="--json" in arguments)
        code = error.exit_code
    except BrokenPipeError:  # `… | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is flushed at the exit
        code = 0
    except SystemExit:  # so says click that it met a broken pipe; nothing else here exits
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _show(error: EsperGraphError, *, as_json: bool) -> None:
    if as_json:
        from esper_graph.cli.output import document

        facts = {
            name: value for name, value in vars(error).items() if name not in ("message", "where", "hint")
        }
        click.echo(
            document(
                {
                    "error": type(error).__name__,
                    "message": error.message,
                    "where": list(error.where),
                    "hint": error.hint,
                    "exit_code": error.exit_code,
                    **facts,
                }
            ),
            err=True,
        )
    else:
        click.echo(f"Error: {error}", err=True)
