"""`relance meters`: the state of each meter, as it has reported it, and the reasons for it."""

from collections.abc import Iterable
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from msgspec import to_builtins

from controller.connections.leavers_refund import leavers_refund
from controller.connections.moving import list_tenancies
from controller.connections.retiring import RetiredView, predecessor_of, retired_of
from controller.connections.terms import debt_of, parameters_of
from controller.cuts.views import cut_words
from controller.faces.cli.behind import (
    WHO_HEADS,
    WIDE_WHO_HEADS,
    household_fields,
    household_rows,
    who_row,
)
from controller.faces.cli.face import Face
from controller.faces.cli.left import refund_fields, shown_in_words, tenancy_fields
from controller.faces.cli.options import Meter, Where, Wide
from controller.faces.cli.outlook import outlook_fields, outlook_rows
from controller.faces.cli.presence import Seen, look, unserved_in_words
from controller.faces.cli.retired import place_rows, retired_fields
from controller.faces.cli.showing import instants, moment, print_json, print_lines, print_table
from controller.faces.cli.terms import MoneyTerms, terms_fields, terms_rows
from controller.faces.cli.verbs import LOOKING, verb
from controller.meters.behind import meter_of
from controller.meters.by_card import is_too_wide
from controller.meters.choosing import METER_FIELDS
from controller.meters.claimed import Claimed
from controller.meters.registry import BY_CARD, LinkState
from controller.meters.views import MeterFilter, MeterView, count_meters, list_meters, show_meter
from controller.meters.witnesses import WitnessView
from controller.orders.views import DeliveryView, count_deliveries, list_deliveries
from controller.query.rules import read_query
from controller.tariffs.views import charges_of
from controller.why.rules import explain
from controller.why.views import facts_of, outlook_of
from protocols.arguments import check_choice, read_name
from protocols.documents.accounts import RegisterSum
from protocols.documents.kind_rule import Kind
from protocols.reasons import ClockStatus, Supply
from protocols.rim.terminal import Exit, warn
from protocols.units import eur_from_quanta
from protocols.words.en.amounts import eur
from protocols.words.en.orders import revision_in_words
from protocols.words.en.times import age, duration, local
from protocols.words.en.why import explanation_in_words

app = typer.Typer(no_args_is_help=True, help="List, show and explain meters.")

_UNKNOWN = "unknown"
_HEADS = ("meter", "link", "supply", "clock", "heard", "next possible", "EUR")
_WIDE_HEADS = (
    *("meter", "link", "state", "heard", "supply", "reason", "clock", "true time from", "width"),
    *("witnesses", "next possible", "EUR"),
)
_MJ_PER_WH = 3_600_000
_WH_PER_KWH = 1_000
_MQ_PER_QUANTUM = 1_000
# The columns of `show` have no heads; the second may wrap.
_PAIR = ("", " ")
# How many orders are listed below a meter; `orders list` lists all.
_ORDERS_SHOWN = 10
_WITNESSES_SHOWN = 2


@verb(
    app,
    "list",
    "meters list",
    "meters list --supply off --json",
    "meters list --clock disputed --wide",
    "meters list --where 'supply==off;(balance<0,heard>2h)'",
    "meters list --who --where 'dso==ORES;flag==medical' --as anna",
    shares=LOOKING,
)
def list_all(
    face: Face,
    *,
    supply: Annotated[str | None, typer.Option(metavar="STATE", help="on, off, armed or limited.")] = None,
    clock: Annotated[
        str | None, typer.Option(metavar="STATUS", help="Only trusted, disputed or lost.")
    ] = None,
    link: Annotated[str | None, typer.Option(metavar="LINK", help="Only the meters of this link.")] = None,
    where: Where = None,
    after: Annotated[str, typer.Option(metavar="METER", help="Only meters after this one, by id.")] = "",
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=100_000, help="At most N; default: all.")
    ] = None,
    who: Annotated[
        bool, typer.Option("--who", help="Who is behind each meter, in place of how it is.")
    ] = False,
    wide: Wide = False,
) -> int:
    """List meters: supply, clock, how long ago each was heard, and the next opening that it forecast.

    Meters that only the DSO's file names are among them: nobody has ever heard those. `--wide` adds the
    interval in which a meter believes the true time, and its last two witnesses; `--who --wide` all of the
    file's columns. Ends with 1 when nothing matches. What a meter has never reported is shown as unknown; a
    forecast of the past is over. Of what `--where` may name, see docs/queries.md.
    """
    check_choice(supply, Supply, "--supply")
    check_choice(clock, ClockStatus, "--clock")
    query = None if where is None else read_query(where, METER_FIELDS, "--where")
    wanted = MeterFilter(link=link, supply=supply, clock=clock, query=query)
    zone, now_ms = face.zone, face.now_ms()
    with face.office.reading() as session:
        found = list_meters(session, wanted, now_ms=now_ms, after=after, limit=limit)
        more = count_meters(session, wanted, now_ms=now_ms, after=after) - len(found)
    if who or face.as_json:
        face.note_access("meters list", [view.id for view in found])
    seen = look(face.office)
    if face.as_json:
        listed = [_fields(view, view.witnesses[:_WITNESSES_SHOWN], seen) for view in found]
        paging = {"more": more, "after": found[-1].id if more else None}
        print_json({"meters": listed, **paging, "service": seen.presence})
    elif found and who:
        heads = WIDE_WHO_HEADS if wide else WHO_HEADS
        print_table("", heads, [who_row(view, wide=wide) for view in found])
    elif found:
        if wide:
            print_table("", _WIDE_HEADS, [_wide_row(view, zone, seen) for view in found])
        else:
            print_table("", _HEADS, [_row(view, zone, face.now_ms()) for view in found])
        warn_unheard(seen)
    else:
        print_lines("No meter matches." if wanted != MeterFilter() else "No meter has come yet.")
    if more and not face.as_json:
        print_lines(f"and {more} more: add --after {found[-1].id}, or a higher --limit")
    return Exit.DONE if found else Exit.NO


@verb(
    app,
    "show",
    "meters show m00042",
    "meters show m00042 --wide",
    "meters show m00042 --json --as anna",
    shares=LOOKING,
)
def show(face: Face, meter: Meter, *, wide: Wide = False) -> int:
    """Show all that is known of a meter and of who is behind it, and the last orders to it.

    A household's EAN names its meter. Who looked is kept: see `relance privacy accesses`.
    """
    zone, now_ms = face.zone, face.now_ms()
    with face.office.reading() as session:
        meter = meter_of(session, read_name(meter, "METER"))
        view = show_meter(session, meter)
        deliveries = list_deliveries(session, meter=meter, limit=_ORDERS_SHOWN)
        more = count_deliveries(session, meter) - len(deliveries)
        gone = [] if view.household is None else list_tenancies(session, view.household.ean)
        left = [(each, leavers_refund(session, each)) for each in gone]
        found = (retired_of(session, meter), predecessor_of(session, meter))
        places = [[] if each is None else [each] for each in found]
        outlook = None if view.expected else outlook_of(session, meter, now_ms)
        terms = MoneyTerms(
            charges_of(session, meter, now_ms),
            debt_of(session, meter),
            parameters_of(session, meter, now_ms),
        )
        words = cut_words(session, [each.order_id for each in deliveries], now_ms, meter)
    face.note_access("meters show", [meter])
    seen = look(face.office)
    reads = {each.order_id: words.get(each.order_id, {}).get(meter, each.state) for each in deliveries}
    if face.as_json:
        orders = [
            {
                "id": each.order_id,
                "object": each.object,
                "rev": each.rev,
                "state": each.state,
                "reads": reads[each.order_id],
            }
            for each in deliveries
        ]
        print_json(
            _fields(view, view.witnesses, seen)
            | {name: _only(place) for name, place in zip(("retired", "in_place_of"), places, strict=True)}
            | {"registers": to_builtins(view.registers)}
            | {
                "orders": orders,
                "more_orders": more,
                "left": [tenancy_fields(each) | refund_fields(refund) for each, refund in left],
            }
            | ({} if outlook is None else outlook_fields(outlook) | terms_fields(terms, now_ms))
        )
        return Exit.DONE

    rows = [
        *_identity_rows(view, seen),
        *place_rows(places[0], places[1], zone),
        *(
            ("a household left", f"{local(each.until_ms, zone)}. {shown_in_words(each, refund)}")
            for each, refund in left
        ),
        *_state_rows(view, face, wide=wide),
        *([] if outlook is None else outlook_rows(outlook, zone)),
        *_memory_rows(view, face, wide=wide),
        *([] if outlook is None else terms_rows(terms, zone, now_ms)),
        *(("order " + each.order_id, _order(each, reads[each.order_id])) for each in deliveries),
    ]
    print_table("", _PAIR, rows, wraps=_PAIR[1:])
    warn_unheard(seen)
    if more:
        print_lines(f"and {more} older orders: `relance orders list --meter {meter} --leases` lists all")
    return Exit.DONE


@verb(app, "why", "meters why m00042", "meters why m00042 --zone UTC --json", shares=LOOKING)
def why(face: Face, meter: Meter) -> int:
    """Explain a cut, or its absence, in sentences, from what was received of the meter's own black box."""
    zone = face.zone
    with face.office.reading() as session:
        meter = meter_of(session, read_name(meter, "METER"))
        found = facts_of(session, meter)
    face.note_access("meters why", [meter])
    missing = found.missing
    explanation = explain(found.meter, found.events, found.orders, face.now_ms(), found.earlier, missing)
    sentences = explanation_in_words(explanation, zone)
    if face.as_json:
        fields = {"supply": found.meter.supply, "clock": found.meter.clock, "sentences": sentences}
        gaps = {"missing": missing.asked, "lost": missing.lost}
        print_json({"meter": meter, **fields, "black_box": gaps})
    else:
        print_lines(*sentences)
    return Exit.DONE


def _only(places: Iterable[RetiredView]) -> dict[str, Any] | None:
    return next((retired_fields(each) for each in places), None)


def _register(found: RegisterSum) -> str:
    """What was counted on a register of the tariff, and what it cost with its days."""
    wh = int(found.energy_mj) // _MJ_PER_WH
    charged = eur_from_quanta(int(found.charged_mq) // _MQ_PER_QUANTUM)
    return f"{wh // _WH_PER_KWH}.{wh % _WH_PER_KWH:03} kWh, {charged} EUR charged"


def _order(delivery: DeliveryView, reads: str) -> str:
    """An order to the meter: its revision, and how its delivery is read."""
    named = revision_in_words(delivery.object, delivery.rev, delivery.created_by, Kind(delivery.kind))
    # A meter's reason for `stored` is `stored`: once is enough.
    why = "" if delivery.reason in {"", reads, delivery.state} else f" {delivery.reason}"
    return f"{named}: {reads}{why}"


def _identity_rows(view: MeterView, seen: Seen) -> list[tuple[str, str]]:
    words = (view.id, view.energy or _UNKNOWN, view.firmware or _UNKNOWN, view.profile or _UNKNOWN)
    return [
        ("meter", ", ".join(words)),
        ("link", f"{view.link or _UNKNOWN} ({_link_state(view, seen)})"),
        *household_rows(view),
    ]


def _state_rows(view: MeterView, face: Face, *, wide: bool) -> list[tuple[str, str]]:
    zone = face.zone
    return [
        ("supply", _supply(view)),
        ("clock", view.clock or _UNKNOWN),
        *_too_wide(view),
        ("true time is within", _interval(view, zone, wide=wide)),
        ("its own estimate", moment(view.estimate_ms, zone, wide=wide)),
        *((f"witness {each.source}", _witness(each, zone, wide=wide)) for each in view.witnesses),
    ]


def _memory_rows(view: MeterView, face: Face, *, wide: bool) -> list[tuple[str, str]]:
    zone = face.zone
    # Of a meter that has never spoken nobody knows that there is none.
    none = _UNKNOWN if view.expected else "none"

    def since(instant_ms: int | None) -> str:
        at = moment(instant_ms, zone, wide=wide)
        return at if instant_ms is None else f"{at}, {age(face.now_ms() - instant_ms)} ago"

    lease = f"rev {view.lease_rev}, until {moment(view.lease_ends_ms, zone, wide=wide)}"
    return [
        ("lease it holds", lease if view.lease_rev else none),
        ("balance", _UNKNOWN if view.balance_ueur is None else f"{eur(view.balance_ueur)} EUR"),
        ("emergency credit", _UNKNOWN if view.emergency_ueur is None else f"{eur(view.emergency_ueur)} EUR"),
        *((f"register {each.obis}", _register(each)) for each in view.registers),
        ("screen code", view.code or none),
        ("last report", since(view.reported_ms)),
        ("last seen", since(view.last_seen_ms)),
        ("last sync", since(view.synced_ms)),
        *(() if view.claimed is None else [("unverified, without proof", _claimed(view.claimed, zone))]),
    ]


def _claimed(claimed: Claimed, zone: ZoneInfo) -> str:
    """What an older firmware says: nobody can tell whether it was the meter that said it."""
    balance = None if claimed.balance_ueur is None else f"{eur(claimed.balance_ueur)} EUR"
    energy = None if claimed.energy_wh is None else f"{claimed.energy_wh} Wh"
    said = (claimed.energy, claimed.firmware, claimed.profile, energy, balance)
    return f"{', '.join(each for each in said if each)}, at {moment(claimed.heard_ms, zone, wide=True)}"


def warn_unheard(seen: Seen) -> None:
    """Say that nobody listens: what is shown is what was heard before."""
    wrong = unserved_in_words(seen)
    warn([] if wrong is None else [f"{wrong}: shown is what the meters said before"])


def _link_state(view: MeterView, seen: Seen) -> str:
    if not seen.serves and not view.expected:
        return "not heard"
    return view.link_state


def _clock(view: MeterView) -> str:
    """The clock's status; of a meter on cards also whether it is too wide to cut."""
    wide = is_too_wide(view.link, view.earliest_ms, view.latest_ms)
    return f"{view.clock or _UNKNOWN}, too wide" if wide else view.clock or _UNKNOWN


def _heard(view: MeterView, ago: str) -> str:
    if view.link == BY_CARD:
        return f"by card {ago}"
    return f"offline {ago}" if view.link_state == LinkState.OFFLINE else ago


def _row(view: MeterView, zone: ZoneInfo, now_ms: int) -> tuple[str, ...]:
    ago = "never" if view.last_seen_ms is None else age(now_ms - view.last_seen_ms)
    return (
        view.id,
        view.link or _UNKNOWN,
        view.supply or _UNKNOWN,
        _clock(view),
        _heard(view, ago),
        "over" if (view.next_possible_ms or now_ms) < now_ms else _next(view, zone),
        _UNKNOWN if view.balance_ueur is None else eur(view.balance_ueur),
    )


def _wide_row(view: MeterView, zone: ZoneInfo, seen: Seen) -> tuple[str, ...]:
    unbounded = view.earliest_ms is not None and view.latest_ms is None
    width = "or later" if unbounded else _UNKNOWN
    if view.earliest_ms is not None and view.latest_ms is not None:
        width = duration(view.latest_ms - view.earliest_ms)
    reason = view.supply_reason or _UNKNOWN
    witnesses = [_witness_in_short(view, each, zone) for each in view.witnesses[:_WITNESSES_SHOWN]]
    return (
        view.id,
        view.link or _UNKNOWN,
        _link_state(view, seen),
        moment(view.last_seen_ms, zone, wide=True),
        view.supply or _UNKNOWN,
        reason.replace("_", " "),
        _clock(view),
        moment(view.earliest_ms, zone, wide=True),
        width,
        "; ".join(witnesses) or "none",
        _next(view, zone, wide=True),
        _UNKNOWN if view.balance_ueur is None else eur(view.balance_ueur),
    )


def _too_wide(view: MeterView) -> list[tuple[str, str]]:
    if not is_too_wide(view.link, view.earliest_ms, view.latest_ms):
        return []
    return [("cuts", "none: no window holds its clock, until a technician or a link narrows it")]


def _supply(view: MeterView) -> str:
    if view.supply is None:
        return _UNKNOWN
    reason = view.supply_reason
    return view.supply if reason in {None, "none"} else f"{view.supply} ({str(reason).replace('_', ' ')})"


def _interval(view: MeterView, zone: ZoneInfo, *, wide: bool) -> str:
    """The earliest instant of the interval in the last report, and the width of the interval."""
    if view.earliest_ms is None:
        return _UNKNOWN
    earliest = moment(view.earliest_ms, zone, wide=wide)
    if view.latest_ms is None:
        return f"{earliest} or later"
    return f"{earliest} + {duration(view.latest_ms - view.earliest_ms)}"


def _next(view: MeterView, zone: ZoneInfo, *, wide: bool = False) -> str:
    if view.next_possible_ms is None:
        return _UNKNOWN if view.reported_ms is None else "none"
    return moment(view.next_possible_ms, zone, wide=wide)


def _witness_in_short(view: MeterView, witness: WitnessView, zone: ZoneInfo) -> str:
    """The witness, and how long before the meter's last report it was heard; both by the meter's clock."""
    if view.estimate_ms is None:
        when = moment(witness.heard_ms, zone)
    elif witness.heard_ms > view.estimate_ms:
        when = "since then"
    else:
        when = f"{duration(view.estimate_ms - witness.heard_ms)} earlier"
    return f"{witness.source} {_offset(witness)}, {when}"


def _witness(witness: WitnessView, zone: ZoneInfo, *, wide: bool) -> str:
    return f"{_offset(witness)}, at {moment(witness.heard_ms, zone, wide=wide)} by its own estimate"


def _offset(witness: WitnessView) -> str:
    """`+1 d, disagrees`. A one-way time gives only a lower bound: `≥ −1 s, agrees`."""
    verdict = witness.verdict.replace("_", " ")
    if witness.offset_ms is None:
        return verdict
    size = duration(abs(witness.offset_ms))
    sign = "" if size == "0 s" else "+" if witness.offset_ms > 0 else "−"
    least = "≥ " if witness.fresh is False else ""
    return f"{least}{sign}{size}, {verdict}"


def _claimed_fields(claimed: Claimed) -> dict[str, Any]:
    return {
        "energy": claimed.energy,
        "firmware": claimed.firmware,
        "profile": claimed.profile,
        "energy_wh": claimed.energy_wh,
        "balance_ueur": claimed.balance_ueur,
        **instants(heard=claimed.heard_ms),
    }


def _fields(view: MeterView, witnesses: Iterable[WitnessView], seen: Seen) -> dict[str, Any]:
    return {
        "id": view.id,
        "link": view.link or None,
        "online": view.online and seen.serves,
        "energy": view.energy,
        "firmware": view.firmware,
        "profile": view.profile,
        "supply": view.supply,
        "supply_reason": view.supply_reason,
        "clock": view.clock,
        "clock_too_wide": is_too_wide(view.link, view.earliest_ms, view.latest_ms),
        "by_card": view.link == BY_CARD,
        "dispute_nonce": view.dispute_nonce,
        "balance_ueur": view.balance_ueur,
        "emergency_ueur": view.emergency_ueur,
        "code": view.code,
        "lease_rev": view.lease_rev,
        **household_fields(view),
        **({} if view.claimed is None else {"unverified": _claimed_fields(view.claimed)}),
        **instants(
            earliest=view.earliest_ms,
            latest=view.latest_ms,
            estimate=view.estimate_ms,
            next_possible=view.next_possible_ms,
            lease_ends=view.lease_ends_ms or None,
            reported=view.reported_ms,
            last_seen=view.last_seen_ms,
            synced=view.synced_ms,
        ),
        "witnesses": [
            {
                "source": each.source,
                "verdict": each.verdict,
                "fresh": each.fresh,
                "offset_ms": each.offset_ms,
                **instants(heard=each.heard_ms, time=each.time_ms, received=each.received_ms),
            }
            for each in witnesses
        ],
    }
