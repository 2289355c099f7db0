"""`relance-emulator meter`: one meter from a shell, with a card in its slot."""

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from cardreader.issuing.practice import practice_key, practice_root
from cardreader.readers.virtual import SCHEME, VirtualCard
from emulator.cli.options import Json
from emulator.cli.trust import draw_epoch, read_secrets
from emulator.firmware.effects import Effect, RecordEmitted, SendToCard
from emulator.firmware.profile import Profile
from emulator.fleet.building import FleetSecrets
from emulator.fleet.one_meter import KeptMeter, MeterFile, OneMeter
from emulator.forms.problems import perhaps
from emulator.population.shipped import shipped_profiles
from emulator.world.card_contact import CardContact
from protocols.arguments import check_choice, read_name
from protocols.errors import InputError, quoted
from protocols.instants import DAY_MS, SECOND_MS, UtcMs, iso_or_none
from protocols.limits import BALANCE_EUR_MAX, INSTANT_MS_MAX, LOAD_W_MAX
from protocols.link.records import OrderJudged
from protocols.reasons import Energy, ScreenCode
from protocols.rim.clocks import checked_now_ms
from protocols.rim.terminal import Exit, warn
from protocols.units import QUANTA_PER_EUR, QUANTA_PER_UEUR, eur_from_quanta, quanta_from_eur

DEFAULT_PROFILE: Final = "wallonia-card-2020"
_PRACTICE_SEED: Final = "practice"
_ROOT_LIFE_MS: Final = 366 * DAY_MS
_PULL_AFTER_MS_MAX: Final = 600_000


def run_meter(
    meter: Annotated[str, typer.Argument(metavar="METER", help="Its name, as on the card.")],
    card: Annotated[
        str | None, typer.Option(metavar="FILE", help="Put this virtual card into its slot.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the meter here; a new one if there is none.")
    ] = None,
    pull_after_ms: Annotated[
        int | None,
        typer.Option(metavar="MS", min=0, max=_PULL_AFTER_MS_MAX, help="Pull the card out so early."),
    ] = None,
    home: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A controller's home: its root and fleet key.")
    ] = None,
    practice: Annotated[
        str, typer.Option(metavar="SEED", help="Without --home: keys for practice, of this seed.")
    ] = _PRACTICE_SEED,
    profile: Annotated[str, typer.Option(metavar="NAME", help="Of a new meter.")] = DEFAULT_PROFILE,
    energy: Annotated[str, typer.Option(help="Of a new meter: electricity or gas.")] = Energy.ELECTRICITY,
    balance_eur: Annotated[str, typer.Option(metavar="EUR", help="Of a new meter.")] = "0.00",
    load_w: Annotated[
        int,
        typer.Option(metavar="W", min=0, max=LOAD_W_MAX, help="What its household draws; of a new meter."),
    ] = 0,
    *,
    as_json: Json = False,
) -> int:
    """Let one guarded meter catch up with the time, and serve a card.

    The card is written back into its file. Between two commands a meter in a --state file has counted on by
    this machine's clock. Ends with 1 where the card was not accepted.
    """
    now_ms = checked_now_ms()
    secrets = _secrets(home, practice, now_ms)
    with MeterFile(state) as file:
        wanted = KeptMeter(
            meter=read_name(meter, "METER"),
            profile=profile,
            energy=_energy(energy),
            load_w=load_w,
            balance_q=_balance_q(balance_eur),
            origin_ms=now_ms,
            epoch=draw_epoch(),
        )
        found = file.read()
        if found is not None and found.meter != wanted.meter:
            raise InputError(f"--state: {state}: it holds meter {found.meter}; allowed: METER {found.meter}")
        kept = wanted if found is None else found
        one = OneMeter(kept, _profile(kept), secrets, file)
        one.advance(now_ms)
        before = _state_fields(one, now_ms)
        visit = None if card is None else _visit(one, Path(card.removeprefix(SCHEME)), now_ms, pull_after_ms)
        one.save()
        ended_ms = UtcMs(now_ms + (0 if visit is None else visit["took_ms"]))
        told = {"meter": kept.meter, "new": found is None, "before": before, "visit": visit}
        told["after"] = _state_fields(one, ended_ms)
    if state is None:
        warn(["the meter is not kept: it is a new one each time (--state FILE)"])
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n" if as_json else _text(told))
    return Exit.DONE if visit is None or visit["accepted"] else Exit.NO


def _secrets(home: Path | None, practice: str, now_ms: UtcMs) -> FleetSecrets:
    if home is not None:
        return read_secrets(home / "root.json", None)
    root = practice_root(practice, min(now_ms + _ROOT_LIFE_MS, INSTANT_MS_MAX))
    return FleetSecrets(root, practice_key(practice))


def _balance_q(text: str) -> int:
    try:
        balance_q = quanta_from_eur(text)
    except ValueError as error:
        raise InputError(f"--balance-eur: {error}") from None
    if abs(balance_q) > BALANCE_EUR_MAX * QUANTA_PER_EUR:
        raise InputError(f"--balance-eur: {text}; allowed: -{BALANCE_EUR_MAX} to {BALANCE_EUR_MAX}")
    return balance_q


def _energy(text: str) -> Energy:
    check_choice(text, [each.value for each in Energy], "--energy")
    return Energy(text)


def _profile(kept: KeptMeter) -> Profile:
    shipped = shipped_profiles()
    if kept.profile not in shipped:
        allowed = f"{', '.join(shipped)}{perhaps(kept.profile, shipped)}"
        raise InputError(f"--profile: {quoted(kept.profile)}; allowed: {allowed}")
    return shipped[kept.profile].of(kept.energy)


def _visit(one: OneMeter, path: Path, now_ms: UtcMs, pull_after_ms: int | None) -> dict[str, Any]:
    """A visit of the card in this file, which nobody waits for: its seconds pass for the meter alone."""
    judged = list[OrderJudged]()
    with VirtualCard(path) as card:
        contact = CardContact(card, None if pull_after_ms is None else UtcMs(now_ms + pull_after_ms))
        at_ms, events = now_ms, contact.begin()
        while events:
            effects: tuple[Effect, ...] = ()
            for event in events:
                effects += one.handle(event, at_ms)
            for effect in effects:
                match effect:
                    case SendToCard():
                        contact.send(effect.command, at_ms)
                    case RecordEmitted(record=OrderJudged() as record):
                        judged.append(record)
            due_ms = contact.due_ms
            if due_ms is None:
                break
            at_ms, events = due_ms, contact.happen()
        code = one.meter.glance.code
    return {
        "card": str(path),
        "accepted": code is ScreenCode.ACCEPTED,
        "code": code,
        "text": one.meter.recorder.text,
        "took_ms": at_ms - now_ms,
        "documents": [
            {
                "kind": each.kind,
                "object": each.object,
                "rev": each.rev,
                "verdict": each.verdict,
                "reason": each.reason,
            }
            for each in judged
        ],
    }


def _state_fields(one: OneMeter, true_ms: UtcMs) -> dict[str, Any]:
    readout = one.meter.readout(one.tick_at(true_ms))
    return {
        "supply": readout.glance.supply,
        "reason": readout.glance.reason,
        "balance_ueur": readout.purse.balance_ueur,
        "energy_wh": readout.purse.energy_wh,
        "clock": readout.glance.clock,
        "earliest": iso_or_none(readout.earliest_ms),
        "latest": None if readout.latest_ms is None else iso_or_none(readout.latest_ms),
        "credited": [
            {"issuer": each.issuer, "epoch": each.epoch, "total_ueur": each.total_ueur}
            for each in one.meter.totals.held
        ],
    }


def _text(told: dict[str, Any]) -> str:
    lines = [f"meter {told['meter']}{' (new)' if told['new'] else ''}: {_state_text(told['before'])}"]
    visit = told["visit"]
    if visit is not None:
        lines += [
            f"  {each['object'] or 'a document'}: {each['verdict']}, {each['reason']}"
            for each in visit["documents"]
        ]
        code = f" (code {visit['code']})" if visit["code"] else ""
        lines.append(f"  screen: {visit['text']}{code}, after {visit['took_ms'] / SECOND_MS:.1f} s")
        lines.append(f"  now: {_state_text(told['after'])}")
    return "\n".join(lines) + "\n"


def _state_text(state: dict[str, Any]) -> str:
    eur = eur_from_quanta(state["balance_ueur"] * QUANTA_PER_UEUR)
    return f"supply {state['supply']}, {eur} €, clock {state['clock']}"
