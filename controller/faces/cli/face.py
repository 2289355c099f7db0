"""One call of a verb: the office it works with, who acts, and how the result is shown."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from controller.faces.cli.losses import mind_losses
from controller.faces.cli.order_status import order_fields, print_status
from controller.faces.cli.people import choose_looker, choose_operator, open_key
from controller.faces.cli.presence import look, unserved_in_words
from controller.faces.cli.showing import print_json
from controller.meters.registry import check_known
from controller.office.opening import Office, open_office
from controller.office.people import Actor
from controller.office.settings import Settings, settings_from
from controller.orders.acting import Act, acting
from controller.orders.life import DeliveryState, OrderState
from controller.orders.status import OrderStatus
from controller.privacy.accesses import note_access
from controller.timing.comparing import Here
from controller.timing.views import ClockSeen, see_clock
from protocols.arguments import read_basis
from protocols.cutting.zones import load_zone
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.kinds import KINDS
from protocols.rim.clocks import boot_id, checked_now_ms, now_ms, tick_ms
from protocols.rim.terminal import Exit, warn
from protocols.words.en.service_clock import difference_in_words


@dataclass(frozen=True, slots=True)
class Options:
    """The values of the options that verbs share; see `options` for the meaning of each."""

    home: Path | None
    database: str | None
    as_json: bool
    zone: str
    by: str | None
    basis: str


class Face:
    """What a verb works with. The office is opened at its first use: errors in arguments come before that."""

    def __init__(self, options: Options) -> None:
        self.as_json = options.as_json
        self._options = options
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.close()

    @cached_property
    def office(self) -> Office:
        """The home that the options name. Raises InputError or UnreachableError as `open_office`."""
        return self._closing.enter_context(open_office(self.settings))

    @cached_property
    def settings(self) -> Settings:
        """The settings that options and environment name. Raises InputError as `settings_from`."""
        return settings_from(os.environ, self._options.home, self._options.database)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone in which local time is shown. Raises InputError for one that does not exist."""
        return load_zone(self._options.zone, "--zone")

    @property
    def basis(self) -> str:
        """The legal or operational ground that was typed. Raises InputError if it is too long."""
        return read_basis(self._options.basis)

    def now_ms(self) -> int:
        """The present instant, from this machine's clock. Raises InputError for one that is far out."""
        return checked_now_ms()

    @cached_property
    def clock(self) -> ClockSeen:
        """The service's clock beside this machine's. Raises as `office`."""
        with self.office.reading() as session:
            return see_clock(session, self.here())

    def here(self) -> Here:
        """What this machine's clocks show."""
        return Here(now_ms(), tick_ms(), boot_id())

    def issue_ms(self) -> int:
        """The present instant for an order: this machine's, or the service's where theirs differ."""
        return self.clock.compared.issue_ms

    def warn_of_clocks(self) -> None:
        """Tell a person where this machine's clock and the service's differ."""
        compared = self.clock.compared
        if compared.differs:
            warn([difference_in_words(compared.offset_ms, differs=True)])

    def person(self, role: Role) -> str:
        """The name of whoever acts in this role. Raises InputError for somebody who does not hold it."""
        return choose_operator(self.office.root, role, self._options.by)

    def actor(self, role: Role) -> Actor:
        """The person who acts in this role, after they have typed their passphrase.

        Raises InputError for somebody who does not hold the role, or a wrong passphrase.
        """
        return open_key(self.office, self.person(role))

    def note_access(self, command: str, meters: Sequence[str]) -> None:
        """Note that somebody looks at the households behind these meters; call it before anything is shown.

        It is dated as an act is: a clock of one machine that is ahead must not keep it for years.

        Raises InputError for a name that the root does not know, UnreachableError where it cannot be noted.
        """
        looker = choose_looker(self.office.root, self._options.by)
        here = Here(self.now_ms(), tick_ms(), boot_id())
        with self.office.reading() as session:
            at_ms = see_clock(session, here).compared.issue_ms
        note_access(self.office.store, looker, command, meters, at_ms)

    @contextmanager
    def acting(self, kind: Kind, meters: Collection[str] = (), *, basis: str | None = None) -> Iterator[Act]:
        """An act that makes an order of this kind. `meters` must be known; `basis` None: that of `--basis`.

        Raises RefusedError for an unknown meter; InputError as `actor`, before anything is written.
        """
        _ = self.zone  # a wrong zone is an error before anybody is asked for a passphrase
        with self.office.reading() as session:
            check_known(session, meters)
        ground = read_basis(self._options.basis if basis is None else basis)
        self.warn_of_clocks()
        actor = self.actor(KINDS[kind].role)
        mind_losses(self.office, self.issue_ms())
        with acting(
            self.office.store, self.office.root, actor, self.now_ms(), ground, here=self.here()
        ) as act:
            yield act

    def again(self, act: Act) -> AbstractContextManager[Act]:
        """A further act of the same person, on the same ground, without asking for the passphrase again."""
        return acting(
            self.office.store, self.office.root, act.actor, self.now_ms(), act.basis, here=self.here()
        )

    @contextmanager
    def acting_as(self, role: Role, *, basis: str = "") -> Iterator[Act]:
        """An act of a person in this role that makes no order. Raises InputError as `actor`."""
        _ = self.zone
        actor = self.actor(role)
        mind_losses(self.office, self.issue_ms())
        with acting(
            self.office.store, self.office.root, actor, self.now_ms(), basis, here=self.here()
        ) as act:
            yield act

    def show(
        self, status: OrderStatus, *, described: bool = False, more: Mapping[str, object] | None = None
    ) -> int:
        """Print the status of an order. `described`: what the order does was printed before.

        `more`: further fields of the JSON object. Warns where the order waits for a service that is away.
        """
        service = self.check_served(status)
        if self.as_json:
            print_json(order_fields(status) | dict(more or {}) | service)
        else:
            print_status(status, self.zone, described=described)
        return Exit.DONE

    def check_served(self, *statuses: OrderStatus) -> dict[str, str]:
        """Warn where orders wait in the store and no service sends them. Returns the field for `--json`."""
        waiting = [each.order.id for each in statuses if _is_queued(each)]
        if not waiting:
            return {}
        seen = look(self.office)
        wrong = unserved_in_words(seen)
        if wrong is not None:
            more = f" and {len(waiting) - 1} more wait" if len(waiting) > 1 else " waits"
            warn([f"{wrong}: {waiting[0]}{more} in the store until it serves"])
        return {"service": seen.presence}


def _is_queued(status: OrderStatus) -> bool:
    """Whether an order waits to be sent; to a fleet of which no meter has come it has no delivery yet."""
    unsent = status.state == OrderState.ACTIVE and status.order.scope.fleet and not status.deliveries
    return bool(unsent or status.deliveries.get(DeliveryState.QUEUED))
