"""`relance-emulator meter` without faces: the meter catches up with the time, and serves a card."""

import sys
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Any, Final

import msgspec

from cardreader.issuing.practice import practice_key, practice_root
from cardreader.readers.virtual import SCHEME, VirtualCard
from emulator.cli.trust import draw_epoch, read_secrets
from emulator.firmware.effects import Effect, RecordEmitted, SendToCard
from emulator.fleet.building import FleetSecrets
from emulator.fleet.one_meter import KeptMeter, MeterFile, OneMeter
from emulator.population.shipped import profile_named
from emulator.world.card_contact import CardContact
from protocols.errors import InputError
from protocols.instants import DAY_MS, SECOND_MS, UtcMs, iso_or_none
from protocols.limits import INSTANT_MS_MAX
from protocols.link.records import OrderJudged
from protocols.reasons import Energy, ScreenCode
from protocols.rim.terminal import Exit, warn
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta

PRACTICE_SEED: Final = "practice"
_ROOT_LIFE_MS: Final = 366 * DAY_MS


@dataclass(frozen=True, slots=True)
class VisitOptions:
    """The options of one visit. From `profile` on: of a new meter."""

    meter: str
    card: str | None
    state: Path | None
    pull_after_ms: int | None
    home: Path | None
    practice: str
    profile: str
    energy: Energy
    balance_q: int
    load_w: int


def visit_once(options: VisitOptions, now_ms: UtcMs, *, as_json: bool) -> int:
    """Let the meter catch up, and serve its card. Raises InputError for a wrong file or option."""
    secrets = _secrets(options.home, options.practice, now_ms)
    with MeterFile(options.state) as file:
        wanted = KeptMeter(
            meter=options.meter,
            profile=options.profile,
            energy=options.energy,
            load_w=options.load_w,
            balance_q=options.balance_q,
            origin_ms=now_ms,
            epoch=draw_epoch(),
        )
        found = file.read()
        if found is not None and found.meter != wanted.meter:
            raise InputError(
                f"--state: {options.state}: it holds meter {found.meter}; allowed: METER {found.meter}"
            )
        kept = wanted if found is None else found
        one = OneMeter(kept, profile_named(kept.profile, kept.energy), secrets, file)
        one.advance(now_ms)
        before = _state_fields(one, now_ms)
        card = options.card
        visit = None if card is None else _visit(one, Path(card.removeprefix(SCHEME)), now_ms, options)
        one.save()
        ended_ms = UtcMs(now_ms + (0 if visit is None else visit["took_ms"]))
        told = {"meter": kept.meter, "new": found is None, "before": before, "visit": visit}
        told["after"] = _state_fields(one, ended_ms)
    if options.state is None:
        warn(["the meter is not kept: it is a new one each time (--state FILE)"])
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n" if as_json else _text(told))
    return Exit.DONE if visit is None or visit["accepted"] else Exit.NO


def _secrets(home: Path | None, practice: str, now_ms: UtcMs) -> FleetSecrets:
    if home is not None:
        return read_secrets(home / "root.json", None)
    root = practice_root(practice, min(now_ms + _ROOT_LIFE_MS, INSTANT_MS_MAX))
    return FleetSecrets(root, practice_key(practice))


def _visit(one: OneMeter, path: Path, now_ms: UtcMs, options: VisitOptions) -> dict[str, Any]:
    """A visit of the card in this file, which nobody waits for: its seconds pass for the meter alone.

    A meter that is not kept draws no key: the office would hear it under none that anybody has.
    """
    pull_at_ms = None if options.pull_after_ms is None else UtcMs(now_ms + options.pull_after_ms)
    drawn = b"" if options.state is None else token_bytes(32)
    judged = list[OrderJudged]()
    with VirtualCard(path) as card:
        contact = CardContact(card, pull_at_ms, drawn=drawn)
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
