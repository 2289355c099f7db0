"""`relance kiosk`: kiosks are added, limited, watched and revoked (docs/kiosk.md)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from msgspec.structs import asdict

from cardreader.kiosk.home import BrokerPlace, KioskHome
from controller.broker.folder import withdraw_kiosk
from controller.faces.cli.face import Face
from controller.faces.cli.showing import print_json, print_lines, print_table
from controller.faces.cli.verbs import NAMED, READING, verb
from controller.issuers.acts import code_of
from controller.kiosks import acts, views
from controller.kiosks.acts import KioskAdded, KioskWish, sign_limits
from controller.kiosks.commissioning import HomeWish, found_home, freshen_home, give_credentials, make_home
from controller.kiosks.rules import ON_THE_WAY, KioskDifference, limits_lost
from controller.kiosks.store import generations_in
from controller.kiosks.views import CardKeysView, KioskState, KioskView
from controller.office.founding import MACHINES_TOGETHER
from controller.office.issuers_store import issuers_in_force
from controller.office.keys import load_fleet_key
from controller.orders.acting import Act
from protocols.arguments import read_name
from protocols.documents.kind_rule import Role
from protocols.documents.kiosk_limits import KioskLimits
from protocols.errors import InputError, quoted
from protocols.limits import (
    KIOSK_OFFLINE_COUNT_MAX,
    KIOSK_OFFLINE_HOURS_MAX,
    STATEMENT_UEUR_MAX,
    TOP_UP_EUR_MAX,
    TOP_UP_EUR_MIN,
)
from protocols.link.carriage import read_address
from protocols.rim.passphrases import ask_passphrase
from protocols.rim.terminal import Exit, warn
from protocols.units import UEUR_PER_EUR, ueur_from_eur
from protocols.words.en.amounts import eur
from protocols.words.en.times import short_local

_SUM_EUR_MAX: Final = STATEMENT_UEUR_MAX // UEUR_PER_EUR

app = typer.Typer(no_args_is_help=True, help="Kiosks: stations where cards are read and paid for.")

Kiosk = Annotated[str, typer.Argument(metavar="KIOSK", help="The kiosk's name.")]

_ALLOWANCE: Final = "250"


@verb(
    app,
    "add",
    "kiosk add namur-1 --office namur --out /media/stick/namur-1 --as anna",
    "kiosk add namur-1 --office namur --out /media/stick/namur-1 --json",
    shares=NAMED,
)
def add_kiosk(
    face: Face,
    kiosk: Kiosk,
    *,
    office: Annotated[str, typer.Option(metavar="OFFICE", help="Whose issuer of payments it is.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where its home is made: carry it to its machine.")
    ],
    broker: Annotated[
        str, typer.Option(metavar="URL", help="How the kiosk reaches the broker. Default: as this home.")
    ] = "",
    allowance: Annotated[
        str, typer.Option(metavar="EUR", help="What meters credit of its payments a day.")
    ] = _ALLOWANCE,
) -> int:
    """Add a kiosk: its home with its keys, its limits, its place at the broker, and its issuer.

    A second person signs the issuers (`issuers sign`); until then no meter takes a payment of it. Repeat the
    command afterwards, and whenever something was cut short: what is there is kept, and brought up to date.
    """
    read_name(kiosk, "KIOSK")
    read_name(office, "--office")
    amount_ueur = _money(allowance, "--allowance", 1, _SUM_EUR_MAX)
    place = _broker(broker or face.settings.broker)
    folder = out.expanduser().absolute()
    face.person(Role.PROTECT)
    with face.acting_as(Role.HARM) as act:
        home, added = _add(face, act, kiosk, folder, office=office, place=place, allowance_ueur=amount_ueur)
    has_credentials = not place.tls or give_credentials(
        folder, face.settings.home / "broker", kiosk, ask_passphrase(MACHINES_TOGETHER)
    )
    if not has_credentials:
        warn([f"{face.settings.home / 'broker'}: no broker was configured here; the home has no credentials"])
    if face.as_json:
        print_json(
            {
                "kiosk": kiosk,
                "office": office,
                "home": str(folder),
                "keyid": home.signer.keyid,
                "epoch": added.epoch,
                "new": added.is_new,
                "in_force": not added.code,
                "code": added.code,
                "broker_credentials": has_credentials,
            }
        )
        return Exit.DONE
    print_lines(f"Kiosk {kiosk} at office {office}: its home is {folder}.")
    if added.code:
        print_lines(
            "No meter takes its payments until a second person signs: "
            f"relance issuers sign --code {added.code}",
            "Then repeat this command, or let the kiosk hear it over its line.",
        )
    else:
        print_lines(
            f"Its payments count in epoch {added.epoch}, up to {eur(amount_ueur)} EUR a meter and day."
        )
    return Exit.DONE


@verb(app, "list", "kiosk list", "kiosk list --json", shares=READING)
def show_kiosks(face: Face) -> int:
    """Show all kiosks: whether they are heard, their limits and how much of them is used, their clocks."""
    with face.office.reading() as session:
        found = views.list_kiosks(session)
    if face.as_json:
        print_json({"kiosks": [_fields(each) for each in found]})
        return Exit.DONE
    if not found:
        print_lines("No kiosk is there yet; `relance kiosk add` makes one.")
        return Exit.DONE
    print_table(
        "",
        ("KIOSK", "OFFICE", "STATE", "LAST HEARD", "CLOCK", "UNACKNOWLEDGED", "OF", "BOOKED"),
        [
            (
                each.name,
                each.office,
                _state(each),
                "never" if each.heard_ms is None else short_local(each.heard_ms, face.zone),
                "-" if each.status is None else each.status.clock.value,
                "-" if each.status is None else f"{eur(each.status.offline_ueur)} €",
                f"{eur(each.limits.offline_ueur)} €",
                f"{eur(each.booked_ueur)} €",
            )
            for each in found
        ],
    )
    print_lines(*(line for each in found for line in _remarks(each)))
    return Exit.DONE


@verb(
    app,
    "limits",
    "kiosk limits namur-1",
    "kiosk limits namur-1 --payment-max 100 --offline 2000 --offline-hours 24 --as anna",
    shares=NAMED,
)
def limit_kiosk(
    face: Face,
    kiosk: Kiosk,
    *,
    payment_max: Annotated[
        str | None, typer.Option(metavar="EUR", help="Most of one payment: 5 to 250 euro.")
    ] = None,
    meter_day: Annotated[
        str | None, typer.Option(metavar="EUR", help="Most for one meter in 24 hours.")
    ] = None,
    offline: Annotated[
        str | None, typer.Option(metavar="EUR", help="Most in all that is not acknowledged yet.")
    ] = None,
    offline_count: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            max=KIOSK_OFFLINE_COUNT_MAX,
            help="Most payments that are not acknowledged yet.",
        ),
    ] = None,
    offline_hours: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            max=KIOSK_OFFLINE_HOURS_MAX,
            help="How long it goes on without the controller.",
        ),
    ] = None,
) -> int:
    """Show a kiosk's limits, or change them; one person is enough.

    They bind an honest kiosk. What a thief of its key can credit is bounded by its issuer's allowance at each
    meter, which two people sign (`issuers propose --allowance`).
    """
    changed = {
        name: _money(text, option, least_eur, most_eur)
        for name, option, text, least_eur, most_eur in (
            ("payment_max_ueur", "--payment-max", payment_max, TOP_UP_EUR_MIN, TOP_UP_EUR_MAX),
            ("meter_day_ueur", "--meter-day", meter_day, 0, _SUM_EUR_MAX),
            ("offline_ueur", "--offline", offline, 0, _SUM_EUR_MAX),
        )
        if text is not None
    }
    counts = (("offline_count", offline_count), ("offline_hours", offline_hours))
    changed |= {name: value for name, value in counts if value is not None}
    if changed:
        with face.acting_as(Role.PROTECT) as act:
            limits = acts.set_limits(act, kiosk, changed)
    else:
        with face.office.reading() as session:
            limits = views.show_kiosk(session, kiosk).limits
    if face.as_json:
        print_json({"kiosk": kiosk} | _limit_fields(limits))
    else:
        print_lines(f"Kiosk {kiosk}, limits {limits.version}:", *_limits_in_words(limits))
    return Exit.DONE


@verb(app, "revoke", "kiosk revoke namur-1 --as anna", shares=NAMED)
def revoke_kiosk(face: Face, kiosk: Kiosk) -> int:
    """Revoke a kiosk for good: it was stolen, or is not used any more. One person is enough.

    Nothing that it says is believed from now on, it has no place at the broker (reload it: SIGHUP), and the
    other kiosks get other card keys. Whoever holds the role harm too proposes to close its issuer at the
    meters; a second person signs that. Its name never comes back.
    """
    with face.acting_as(Role.PROTECT) as act:
        done = acts.revoke_kiosk(act, kiosk)
    removed = withdraw_kiosk(face.settings.home / "broker", kiosk)
    code = "" if done.closing is None else code_of(done.closing.envelope)
    with face.office.reading() as session:
        closed = views.show_kiosk(session, kiosk).closed
    if face.as_json:
        print_json(
            {
                "kiosk": kiosk,
                "new": done.is_new,
                "broker_access_removed": removed,
                "issuer_closed": closed,
                "code": code,
            }
        )
        return Exit.DONE
    print_lines(f"Kiosk {kiosk} is revoked: nothing that it says is believed any more.")
    if removed:
        print_lines("It has no place in the broker's access list any more: reload the broker (SIGHUP).")
    if code:
        print_lines(f"To close its issuer at the meters: relance issuers sign --code {code}")
    elif not closed:
        print_lines(
            "Its issuer is still open at the meters: relance issuers propose --close OFFICE, by two people"
        )
    return Exit.DONE


@verb(
    app,
    "cards",
    "kiosk cards",
    "kiosk cards --rotate --as anna",
    "kiosk cards --end --as anna",
    shares=NAMED,
)
def card_keys(
    face: Face,
    *,
    rotate: Annotated[bool, typer.Option("--rotate", help="Begin the next generation.")] = False,
    end: Annotated[
        bool,
        typer.Option("--end", help="End all generations before the newest: they open no card."),
    ] = False,
) -> int:
    """Show the generations of the kiosks' card keys, begin the next one, or end those before it.

    Kiosks hear of a new one over their lines, and each card gets it at its next visit to the kiosk that saw
    it last. Until `--end` kiosks open cards with the generations before, too: wait until the cards have come
    by. A card that comes later needs a letter of the office, or is replaced. `kiosk revoke` begins a
    generation by itself, and each card that gets it shuts out those before at once.
    """
    if rotate and end:
        raise InputError("kiosk cards: allowed: --rotate or --end, one at a time")
    if rotate or end:
        with face.acting_as(Role.PROTECT) as act:
            (acts.rotate_card_keys if rotate else acts.end_card_keys)(act)
    with face.office.reading() as session:
        view = views.view_card_keys(session)
    if face.as_json:
        print_json(view.generations._asdict() | {"lacking": list(view.lacking)})
    else:
        print_lines(*_generations_in_words(view))
    return Exit.DONE


def _generations_in_words(view: CardKeysView) -> list[str]:
    newest, shut, _ended = view.generations
    held = view.generations.held
    lines = [f"Card keys of generation {newest}. Kiosks open cards with generations {held[0]} to {newest}."]
    if len(held) == 1:
        lines = [f"Card keys of generation {newest}, and no other."]
    elif shut > held[0]:
        lines.append(f"A card that has got the newest opens no more with those below {shut}.")
    if view.lacking:
        lines.append(f"Not yet at these kiosks: {', '.join(view.lacking)}.")
    return lines


@verb(app, "reconcile", "kiosk reconcile", "kiosk reconcile namur-1 --json", shares=READING)
def reconcile_kiosks(
    face: Face, kiosk: Annotated[str | None, typer.Argument(metavar="[KIOSK]", help="One kiosk.")] = None
) -> int:
    """Compare cards, meters and ledger, and list what differs. Ends with 1 where a person should look."""
    with face.office.reading() as session:
        found = views.reconcile(session, kiosk)
    serious = [each for each in found if each.kind not in ON_THE_WAY]
    if face.as_json:
        print_json({"differences": [asdict(each) for each in found], "serious": len(serious)})
    elif not found:
        print_lines("Cards, meters and ledger agree.")
    else:
        print_lines(*map(_in_words, found))
    return Exit.NO if serious else Exit.DONE


def _add(
    face: Face, act: Act, kiosk: str, folder: Path, *, office: str, place: BrokerPlace, allowance_ueur: int
) -> tuple[KioskHome, KioskAdded]:
    acts.check_addable(act, kiosk, office)
    home = found_home(folder, kiosk, office)
    signer = act.actor.signer
    first = sign_limits(signer, KioskLimits(kiosk=kiosk, version=1, meter_day_ueur=allowance_ueur))
    sealed = issuers_in_force(act.session)
    wish = HomeWish(
        kiosk=kiosk,
        office=office,
        zone=str(face.zone),
        broker=place,
        fleet_key=load_fleet_key(face.settings.fleet_key),
        generations=generations_in(act.session),
        root=face.settings.root.read_bytes(),
        issuers=b"" if sealed is None else sealed.envelope,
        limits=first,
    )
    made = make_home(folder, wish) if home is None else home
    added = acts.add_kiosk(
        act,
        KioskWish(
            kiosk=kiosk,
            office=office,
            public=made.signer.public.hex(),
            limits=made.limits or first,
            allowance_ueur=allowance_ueur,
        ),
    )
    return freshen_home(made, wish, acts.limits_envelope(act, kiosk)), added


def _broker(url: str) -> BrokerPlace:
    secure = url.startswith("mqtts:")
    address = read_address(url, "broker" if secure else "")
    return BrokerPlace(address.host, address.port, secure)


def _money(text: str, option: str, least_eur: int, most_eur: int) -> int:
    wrong = InputError(f"{option}: {quoted(text)}; allowed: {least_eur} to {most_eur}, in euro")
    try:
        amount_ueur = ueur_from_eur(text)
    except ValueError:
        raise wrong from None
    if not least_eur * UEUR_PER_EUR <= amount_ueur <= most_eur * UEUR_PER_EUR:
        raise wrong
    return amount_ueur


def _state(view: KioskView) -> str:
    if view.state is KioskState.REVOKED:
        return "revoked" if view.closed else "revoked, issuer open"
    return view.state.value


def _remarks(view: KioskView) -> Iterator[str]:
    """What a person must know of a kiosk's documents beside its row."""
    lost = limits_lost(view.limits, view.status)
    if lost and not view.limits.revoked:
        yield (
            f"{view.name}: obeys limits {lost}, and this store knows {view.limits.version}: it was restored; "
            f"say them again: relance kiosk limits {view.name} --payment-max EUR"
        )
    if view.documents:
        yield f"{view.name}: {view.documents} documents for cards are on their way to it"
    if view.areas:
        more = f"; {view.left_out} more have no room there" if view.left_out else ""
        yield f"{view.name} serves {', '.join(view.areas)} too: {view.near} meters on cards{more}"
    if view.too_large:
        meter, name = view.too_large[0]
        more = f" and {len(view.too_large) - 1} more" if len(view.too_large) > 1 else ""
        yield f"{view.name}: no card holds {name} of {meter}{more}: it is larger than any file there"


def _limits_in_words(limits: KioskLimits) -> list[str]:
    if limits.revoked:
        return ["  revoked: it takes no payment"]
    return [
        f"  a payment: {eur(limits.payment_min_ueur)} to {eur(limits.payment_max_ueur)} EUR",
        f"  a meter in 24 hours: {eur(limits.meter_day_ueur)} EUR",
        f"  not acknowledged: {eur(limits.offline_ueur)} EUR, {limits.offline_count} payments",
        f"  without the controller: {limits.offline_hours} hours",
    ]


def _limit_fields(limits: KioskLimits) -> dict[str, Any]:
    return {name: value for name, value in asdict(limits).items() if name not in {"kiosk", "v"}}


def _fields(view: KioskView) -> dict[str, Any]:
    status = view.status
    return {
        "kiosk": view.name,
        "office": view.office,
        "state": view.state.value,
        "epoch": view.epoch,
        "heard_ms": view.heard_ms,
        "offline_since_ms": view.offline_since_ms,
        "limits": _limit_fields(view.limits),
        "used": {
            "offline_ueur": 0 if status is None else status.offline_ueur,
            "offline_count": 0 if status is None else status.offline_count,
            "waiting": 0 if status is None else status.waiting,
        },
        "obeys_limits": 0 if status is None else status.limits,
        "clock": None if status is None else status.clock.value,
        "booked_ueur": view.booked_ueur,
        "doubted": view.doubted,
        "documents_waiting": view.documents,
        "meters": view.meters,
        "issuer_closed": view.closed,
        "areas": view.areas,
        "meters_near": view.near,
        "meters_left_out": view.left_out,
        "documents_too_large": [{"meter": meter, "object": name} for meter, name in view.too_large],
    }


def _in_words(difference: KioskDifference) -> str:
    whom = difference.kiosk + (f", meter {difference.meter}" if difference.meter else "")
    return (
        f"{whom}: {difference.kind.value}: ledger {eur(difference.ledger_ueur)} €, "
        f"found {eur(difference.found_ueur)} €"
    )
