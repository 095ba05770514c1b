"""The commands and their options. What a command needs is imported when it runs.

Exit codes: 0 all is well, 1 a difference or a finding, 2 something to put right before it can run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Unpack

import click

from payports.adapters.command_line.command_options import ReplayOptions, ResolveOptions, SimulateOptions
from payports.adapters.command_line.presentation.errors import Orderly

_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_CONFIG: Final = click.option(
    "--config", type=_FILE, help="The configuration. [default: payports.toml here, else payports.db here]"
)

_MERCHANTS: Final = click.option(
    "--merchant", "merchants", multiple=True, help="Only this one; may be repeated. [default: all of the configuration]"
)
_GATEWAY: Final = click.option(
    "--gateway",
    type=click.Choice(["sandbox", "stripe"]),
    default="sandbox",
    show_default=True,
    help="The bank on the other side: ours, or the Stripe adapter with localstripe, started on this machine.",
)


@click.group(cls=Orderly, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="payports")
def program() -> None:
    """Take money for carts and move it afterwards: never twice, never lost."""


@program.command()
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the files there. [default: a temporary folder, removed at the end]",
)
@click.option("--keep", is_flag=True, help="Do not remove the temporary folder.")
@click.option("--carts", type=_FILE, help="Carts of your own, written like the example.")
@_GATEWAY
def demo(directory: Path | None, keep: bool, carts: Path | None, gateway: str) -> None:
    """Sell a handful of carts against a bank, and compare the ledgers.

    Everything is real but the money: payments in SQLite, the bank behind a server of its own on this machine.
    """
    from payports.adapters.demonstrations.demo import run_demo

    raise SystemExit(run_demo(directory, keep=keep, carts=carts, gateway=gateway))


@program.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--orders", type=click.IntRange(min=1), help="Only so many, from the beginning.")
@click.option("--currency", default="BRL", show_default=True, help="What the values are in.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option(
    "--database",
    metavar="FILE|URL",
    help="Keep the payments there, in a file or at postgresql://…, each commit synced to disk. Running again finishes what was"
    " interrupted. [default: a temporary file, not synced, removed at the end]",
)
@click.option("--bank", metavar="URL|FILE", help="A running sandbox bank, or its ledger's file.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Sell in so many processes.")
@click.option(
    "--write-config",
    "config",
    type=_FILE,
    help="Write the shop's configuration there, for work, verify, attention and show.",
)
@_GATEWAY
def replay(**options: Unpack[ReplayOptions]) -> None:
    """Put real orders through checkout, capture and refund, and compare the ledgers.

    FILE is CSV, plain or gzip, one row a tender, the rows of an order one after another: order_id, payment_sequential,
    payment_type, payment_installments, payment_value. Without FILE, olist_order_payments.csv.gz in the folder that
    PAYPORTS_DATA names.

    A tender of nothing, or of a type that the shop does not offer, is refused and counted by its reason. The order is
    placed if its other tenders make up the total, else it is refused as a whole.

    A bank at a URL is asked for with the secret in PAYPORTS_SANDBOX_WEBHOOK_SECRET. All of the database is compared with
    all of the bank, so give it ones that hold nothing else. Beside a database at a URL, the ledgers of vouchers and bank are
    kept in this folder, as payports-replay.*.db.

    A worker that dies is replaced, and what it was at is sold again; nothing happens twice.
    """
    from payports.adapters.demonstrations.replay import run_replay, usual_file
    from payports.adapters.demonstrations.replay_setup import ReplayOptions

    wanted = ReplayOptions(
        file=options["file"] or usual_file(),
        orders=options["orders"],
        currency=options["currency"],
        database=options["database"],
        bank=options["bank"],
        gateway=options["gateway"],
        workers=options["workers"],
        config=options["config"],
    )
    raise SystemExit(run_replay(wanted, as_json=options["as_json"]))


@program.command()
@click.argument("payment")
@_MERCHANTS
@_CONFIG
def show(payment: str, merchants: tuple[str, ...], config: Path | None) -> None:
    """Show what happened on a payment, and what its amounts are now."""
    from payports.adapters.command_line.show import show_payment

    show_payment(payment, config, merchants)


@program.command("list")
@click.option("--owner", metavar="KIND:ID", help="Only the payments of one owner, such as cart:c-1.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="At most so many.")
@click.option("--after", default="", metavar="PAYMENT", help="Go on behind this one.")
@_MERCHANTS
@_CONFIG
def list_(owner: str | None, limit: int, after: str, merchants: tuple[str, ...], config: Path | None) -> None:
    """List payments, oldest first."""
    from payports.adapters.command_line.show import list_payments

    list_payments(config, owner, limit, after, merchants)


@program.command()
@_CONFIG
def doctor(config: Path | None) -> None:
    """Check configuration, store and gateways, and say what to do."""
    from payports.adapters.command_line.doctor import run_doctor

    raise SystemExit(run_doctor(config))


_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


@program.command()
@_MERCHANTS
@click.option("--gateway-look-up", is_flag=True, help="Ask the gateways about each transaction as well.")
@_JSON
@_CONFIG
def verify(merchants: tuple[str, ...], gateway_look_up: bool, as_json: bool, config: Path | None) -> None:
    """Check every ledger, its history and what belongs to it against the rules. Changes nothing.

    Exit code 1 if anything is found that is not known already: made outside, shown by attention, ruled on, or being recovered.
    With --json one object a finding, and a last one that counts them.
    """
    from payports.adapters.command_line.verify import run_verify

    raise SystemExit(run_verify(config, merchants, look_up=gateway_look_up, as_json=as_json))


@program.command()
@click.option("--every", default="5s", show_default=True, help="The pause when nothing is due, more or less.")
@click.option("--once", is_flag=True, help="End when nothing is due.")
@click.option("--max-passes", type=click.IntRange(min=0), default=0, help="End after so many passes.")
@click.option("--deliver", metavar="MODULE:FUNCTION", help="Hand every recorded fact to this function.")
@_MERCHANTS
@_CONFIG
def work(
    every: str, once: bool, max_passes: int, deliver: str | None, merchants: tuple[str, ...], config: Path | None
) -> None:
    """Run maintenance until stopped, in as many processes as you like.

    SIGTERM or Ctrl-C let it finish what it has begun; a second one does not. A store that is not there, or goes away, is waited for,
    but not with --once.
    """
    from payports.adapters.command_line.work import WorkOptions, load_handler, read_every, run_work

    wanted = WorkOptions(
        every=read_every(every),
        once=once,
        passes=max_passes,
        merchants=merchants,
        handler=load_handler(deliver) if deliver else None,
    )
    raise SystemExit(run_work(config, wanted))


@program.command()
@_MERCHANTS
@_JSON
@_CONFIG
def attention(merchants: tuple[str, ...], as_json: bool, config: Path | None) -> None:
    """List what only a person can decide, and what to do about it. Exit code 1 if there is anything."""
    from payports.adapters.command_line.attention import run_attention

    raise SystemExit(run_attention(config, merchants, as_json=as_json))


@program.command()
@click.argument("transaction")
@click.argument("status")
@click.option("--operator", required=True, help="Who decides.")
@click.option("--reason", required=True, help="Why; it is kept in the history.")
@click.option("--gateway-reference", default="", help="The gateway's name for it, if it was found there.")
@click.option("--merchant", default="", help="Whose transaction. [default: whose it is of the configuration]")
@_CONFIG
def resolve(**options: Unpack[ResolveOptions]) -> None:
    """Say what a transaction came to: SUCCEEDED, NOT_EXECUTED, DECLINED or REVOKED.

    Exit code 1 if it does not follow, for a final status is never lowered.
    """
    from payports.adapters.command_line.resolve import Ruling, run_resolve

    ruling = Ruling(
        transaction_id=options["transaction"],
        status=options["status"],
        operator=options["operator"],
        reason=options["reason"],
        gateway_reference=options["gateway_reference"],
    )
    raise SystemExit(run_resolve(options["config"], options["merchant"], ruling))


@program.command("simulate")
@click.option("--steps", type=click.IntRange(min=1), default=100_000, show_default=True, help="Runs until so many.")
@click.option("--seed", type=click.IntRange(min=0), help="Only this run.")
@click.option("--seeds", metavar="A..B", help="Only these runs.")
@click.option("--storm", type=click.IntRange(min=1), default=4_000, show_default=True, help="Steps of storm a run.")
@click.option("--store", type=click.Choice(["memory", "sqlite"]), default="memory", show_default=True)
@click.option("--plant", default="", metavar="BUG", help="A bug to plant, to see that it is found; ? lists them.")
@click.option("--first", is_flag=True, help="Stop at the first run that breaks a promise.")
@click.option("--trace", is_flag=True, help="Show every step.")
def simulate_(**options: Unpack[SimulateOptions]) -> None:
    """Put a whole shop through storms of faults, and let the bank's ledger judge.

    Several processes with one store, interleaved at every call of a port, on a clock of their own: requests and answers
    get lost, late and doubled, processes die, commits fail, clocks jump. Then all becomes honest, maintenance runs, and
    everything must have come right. A seed is a run, the same every time.
    """
    from payports.adapters.demonstrations.simulation import SimulationOptions, run_simulation, seeds_of
    from payports.testing.simulation import PLANTED_BUGS, Settings

    plant, seed = options["plant"], options["seed"]
    if plant and plant not in PLANTED_BUGS:
        raise click.BadParameter(f"there are: {', '.join(PLANTED_BUGS)}", param_hint="--plant")
    one_seed = None if seed is None else range(seed, seed + 1)
    wanted = SimulationOptions(
        seeds=seeds_of(options["seeds"]) if options["seeds"] else one_seed,
        steps=options["steps"],
        settings=Settings(steps=options["storm"], store=options["store"], plant=plant),
        trace=options["trace"],
        first=options["first"],
    )
    raise SystemExit(run_simulation(wanted))


@program.group()
def sandbox() -> None:
    """The sandbox bank, for trying things out on this machine."""


@sandbox.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=8020, show_default=True, help="0 takes a free one.")
@click.option("--ledger", type=_FILE, default=Path("payports-sandbox.db"), show_default=True, help="The bank's ledger.")
def serve(port: int, ledger: Path) -> None:
    """Serve a sandbox bank on 127.0.0.1 until Ctrl-C.

    Notifications are signed with the secret in PAYPORTS_SANDBOX_WEBHOOK_SECRET, if it is set.
    """
    from payports.adapters.demonstrations.sandbox_server import serve_sandbox

    serve_sandbox(port, ledger)
