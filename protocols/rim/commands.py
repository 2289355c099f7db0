"""How both command lines look: `-h`, `--version`, completion, examples, and commands that load when chosen.

`--help` and completion name a command without importing it: its libraries (the store's, the plots') would
make a person wait a second for a list of names. So each command is a row of text, and its module is imported
when somebody chooses it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from protocols.rim.late import late_imports

HELP_OPTIONS = ("-h", "--help")


@dataclass(frozen=True, slots=True)
class CommandRow:
    """One command of a program. `summary` is the first paragraph of its help.

    `target` imports and returns its function or, for a command of commands, its application. A function's
    `examples` are what one would type after the program's name.
    """

    name: str
    summary: str
    target: Callable[[], typer.Typer | Callable[..., int]]
    examples: tuple[str, ...] = ()


def examples(program: str, *commands: str) -> str:
    """The end of a help text that shows `commands`, each on a line of its own as it would be typed."""
    return "\n\n".join(("**Examples**", *(f"- `{program} {command}`" for command in commands)))


def application(
    program: str, summary: str, rows: Sequence[CommandRow], packages: tuple[str, ...]
) -> typer.Typer:
    """A program of these commands.

    Their modules are in `packages`; what those import from elsewhere waits while help alone is shown.
    """

    class Commands(TyperGroup):
        """The program's commands. Lists and completion get their texts; whoever takes one loads it."""

        def __init__(self, **settings: Any) -> None:  # noqa: ANN401 # as typer's own
            super().__init__(**settings)
            self.commands = _Commands(program, rows)
            self._listed = {row.name: _UnloadedCommand(program, row, packages) for row in rows}

        def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002 # as typer calls it
            return list(self._listed)

        def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | None:  # noqa: ARG002 # as typer calls it
            return self._listed.get(cmd_name)

    app = typer.Typer(
        name=program,
        cls=Commands,
        help=summary,
        epilog=examples(program, "COMMAND --help"),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": list(HELP_OPTIONS)},
    )
    app.callback()(_with_version(program))
    return app


def load(program: str, row: CommandRow) -> TyperCommand | TyperGroup:
    """The command of a row, with its module imported."""
    target = row.target()
    if isinstance(target, typer.Typer):
        target.rich_markup_mode = "markdown"
        group = get_group(target)
        group.name = row.name
        return group
    app = typer.Typer(rich_markup_mode="markdown", add_completion=False)
    app.command(row.name, epilog=examples(program, *row.examples))(target)
    command = get_command(app)
    assert isinstance(command, TyperCommand), row
    return command


class _Commands(dict[str, Any]):
    """The commands by name, each loaded when it is taken."""

    def __init__(self, program: str, rows: Sequence[CommandRow]) -> None:
        super().__init__({row.name: row for row in rows})
        self._program = program

    def __getitem__(self, name: str) -> TyperCommand | TyperGroup:
        return load(self._program, super().__getitem__(name))

    def items(self) -> Any:  # noqa: ANN401 # a view in a dict
        return [(name, self[name]) for name in self]


class _UnloadedCommand(TyperCommand):
    """What the list of commands and completion show of a command, until it is chosen."""

    def __init__(self, program: str, row: CommandRow, packages: tuple[str, ...]) -> None:
        super().__init__(row.name, help=row.summary, rich_markup_mode="markdown")
        self._program = program
        self._row = row
        self._packages = packages

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 # as typer's own
        if not _asks_for_help_alone(args):
            return load(self._program, self._row).make_context(info_name, args, parent=parent, **extra)
        with late_imports(*self._packages):
            command = load(self._program, self._row)
        return command.make_context(info_name, args, parent=parent, **extra)


def _asks_for_help_alone(args: Sequence[str]) -> bool:
    """Whether help is shown whatever the words mean: an option before it might take `-h` as its value."""
    return bool(args) and args[-1] in HELP_OPTIONS and not any(word.startswith("-") for word in args[:-1])


def _with_version(program: str) -> Callable[..., None]:
    def print_version(asked: bool) -> None:  # noqa: FBT001 # as typer calls it
        if asked:
            from importlib.metadata import version  # noqa: PLC0415 # slow, and asked for once in a while

            typer.echo(f"{program} {version('relance')}")
            raise typer.Exit

    def begin(
        *,
        version: Annotated[  # its callback has printed it
            bool,
            typer.Option(
                "--version", help="Print the version and exit.", callback=print_version, is_eager=True
            ),
        ] = False,
    ) -> None:
        pass

    return begin
