"""The command line: one module per family of verbs, imported only when its verb is called.

Goals: answers on stdout and messages on stderr; exit codes by one table; one object with `--json`.
Not-goals: the logic of an audit, and environment variables that could change a verdict.
"""

import importlib
import io
import os
import signal
import sys

import click

from fusiondiff_audit import __version__
from fusiondiff_audit.cli.answer import run_verbs
from fusiondiff_audit.cli.core_dumps import forbid_core_files

# verb -> module, first line of its help; a test compares these lines with the verbs' own
VERBS = {
    "setup": ("setup", "Make keys, a trust store and settings for a laboratory."),
    "keygen": ("keygen", "Make a key pair for one role."),
    "trust": ("trust", "Manage a trust store: which keys count, for what and since when."),
    "sign": ("sign", "Sign a folder of micrographs."),
    "inspect": ("inspect", "Check a signed folder, and decode its images."),
    "model": ("model", "Import, sign and verify models."),
    "pretrain": ("pretrain", "Pretrain a new model, without labels."),
    "finetune": ("finetune", "Fine-tune a model's encoder with labels."),
    "enrol": ("enrol", "Enrol labelled specimens, among which new ones are ranked."),
    "explain": ("explain", "Show why a micrograph gets its score."),
    "stress": ("stress", "Attack a model, and sign the outcome."),
    "audit": ("audit", "Audit a signed batch, and sign the report."),
    "verify": ("verify", "Check a signed report or stress result."),
    "report": ("report", "Work on signed files: pages, PDF, tables, excerpts and timestamps."),
    "evaluate": ("evaluate", "Measure classifiers on a folder of labelled micrographs."),
    "ledger": ("ledger", "Show, verify and export what was admitted and issued."),
    "kiln": ("kiln", "Make synthetic micrographs, and measure classifiers on them."),
    "demo": ("demo", "Sign, audit and verify synthetic micrographs, as an example."),
    "doctor": ("doctor", "Show what is installed, and what is missing."),
}


class Verbs(click.Group):
    """The verbs in the order in which a batch needs them; a verb's module is imported when the verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module = importlib.import_module(f"fusiondiff_audit.cli.{VERBS[name][0]}")
        command: click.Command = module.command
        if ctx.obj is not None:
            ctx.default_map = {name: ctx.obj.of_verb(name, command)}
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; for one that there is not, name the most similar."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as e:
            from difflib import get_close_matches

            if similar := get_close_matches(args[0], VERBS, n=1):
                raise click.UsageError(f"{e.message} Did you mean {similar[0]!r}?", ctx) from e
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing any of them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, help_) for verb, (_, help_) in VERBS.items()])


def _load_settings(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Read the settings file, if one is named."""
    if value is not None:
        from pathlib import Path

        from fusiondiff_audit.cli.settings_file import LabSettings

        ctx.obj = LabSettings.read(Path(value))


@click.group(
    cls=Verbs,
    subcommand_metavar="VERB [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--settings",
    metavar="FILE",
    callback=_load_settings,
    expose_value=False,
    is_eager=True,
    help="Your laboratory's settings, which `setup` writes: values of options that the command line leaves out.",
)
@click.version_option(__version__, prog_name="fusiondiff-audit", message="%(prog)s %(version)s")
def verbs() -> None:
    """Decide whether ceramic micrographs are authentic, and prove it.

    A lab signs a folder, an auditor checks it against a trust store, and every answer can be repeated by others.

    \b
    fusiondiff-audit VERB --help explains a verb.
    TIME is 2027-01-31T12:00:00Z, 2027-01-31 or +90d from now, in UTC; DURATION is 90d, 12h or 30m.
    Exit codes: 0 done or passed, 1 a gate failed, 2 usage, 3 integrity,
    4 unreadable input, 5 environment, 6 inconclusive, 70 a fault of this tool.
    """


def main() -> None:
    """Run a verb and exit by the table."""
    forbid_core_files()  # before any secret is read
    os.environ["PYTHONSAFEPATH"] = "1"  # child processes import nothing from the current folder
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C: half-written files are removed
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names that the terminal cannot encode are no error
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run_verbs(verbs, sys.argv[1:]))
