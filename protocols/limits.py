"""A limit on everything that comes from outside, each with its reason."""

from typing import Final, Literal, get_args

from protocols.instants import DAY_MS, HOUR_MS

# A payload on the link: a season of cut windows fits twice; a meter's receive buffer is about as large.
PAYLOAD_BYTES_MAX = 16 * 1024
# Signatures in one envelope: two people, the service, and room for a key change.
SIGNATURES_MAX = 8
# Keys in a root document: two roles of some ten people, services, authorities; it fills a payload too.
KEYS_MAX = 40
# Length of an identifier (order, meter, hold, group): EAN-18 and a readable name fit.
ID_CHARS_MAX = 64
# Length of a free text (basis of an order, screen text).
TEXT_CHARS_MAX = 256
# Windows in one cut calendar: weekdays of a season, twice a day; with two signatures it fills a payload.
WINDOWS_MAX = 350
# Registers of one tariff, each with its price: peak, off-peak, and two more.
REGISTERS_MAX = 4
# Registers on which one meter counts in its life: those of a tariff, and those of a tariff before it.
REGISTERS_HELD_MAX = 8
# Names that an account tells: each register, also as deferred, and what was deferred while none was in use.
REGISTERS_TOLD_MAX = 2 * REGISTERS_HELD_MAX + 1
# Switches of registers in one tariff: the weekdays of a year, twice a day; they fill a payload.
SWITCHES_MAX = 530
# A price per kWh, and a fixed charge a day: 100 EUR, far above any.
PRICE_UEUR_MAX = 100_000_000
# Debt that was ever put on one meter, and what was ever refunded of its purse: as much as a purse holds.
DEBT_UEUR_MAX = 400_000_000_000
# The period of a debt's cap: a day to a year.
DEBT_DAYS_MAX = 366
# Versions of its parameters that a meter keeps, its commissioning among them: one in force, and the way back.
PARAMETER_SETS_MAX = 4
# Groups that one meter is in: region, DSO, category, energy, and a few free ones.
GROUPS_MAX = 8
# Deferrals at one meter that are not over: a moratorium, the one that follows it, and some of its own.
DEFERRALS_MAX = 8
# Objects that a lease names, and that two people have lowered at one meter: a payload takes as many.
OBJECTS_MAX = 64
# Holds that one key has at one meter, each under its name; what is beyond joins its person's catch-all. A
# household has a moratorium, a winter, and a few of its own.
HOLDS_PER_KEY_MAX = 8
# Releases without a number, of an older controller, that a meter remembers of one key.
RELEASES_PER_KEY_MAX = 8
# Holds that a void keeps: more than one person's to the whole fleet; with two signatures they fill a payload.
KEPT_MAX = 56
# Voided keys that a meter remembers: all of a root. Beyond that it forgets those that its root does not list.
VOIDED_KEYS_MAX = KEYS_MAX
# Keys whose release numbers a meter keeps: those of the root, and those of some dozen years before it.
RELEASE_KEYS_MAX = 128
# One-person revisions kept above a floor; then the two lowest merge (design §5).
REVISIONS_MAX = 16
# A revision further above the highest known counts as highest known + 1 (design §5).
REV_STEP_MAX = 1_000
# Revisions are 53-bit so that every JSON reader keeps them.
REV_MAX = 2**53 - 1
# A lease lives at most this long (design §5). The service issues one for a week, and a new one each day; to
# a meter that only cards reach the longest, since its household comes once in a month (decision 0070).
LEASE_MS_MAX = 31 * DAY_MS
LEASE_LIFE_MS = 7 * DAY_MS
CARD_LEASE_LIFE_MS = LEASE_MS_MAX
# Time claims are kept this long (design §4.1).
CLAIM_AGE_MS_MAX = 40 * DAY_MS
# Spread of a time claim: at least a second; with more than a day a claim would tell a meter nothing.
CLAIM_SPREAD_MS_MIN = 1_000
CLAIM_SPREAD_MS_MAX = DAY_MS
# Time requests of one meter that await an answer; above it the oldest is forgotten.
ASKS_MAX = 16
# How much hulls may widen the clock's interval in 24 h of ticks (design §4.1, small miss).
HULL_MS_MAX = 60_000
HULL_WINDOW_MS = 24 * HOUR_MS
# Instants accepted from outside: 2000-01-01 to 2200-01-01. A meter stays in its place for some twenty years.
INSTANT_MS_MIN = 946_684_800_000
INSTANT_MS_MAX = 7_258_118_400_000
# 2100-01-01. It was the last instant that a document could name, and so meant "for ever": protection that
# ends at exactly this instant never ends. Firmware and controllers of that time refuse any later instant.
FOR_EVER_MS = 4_102_444_800_000
# Running total of one issuer's payments to one meter: 1,000,000 €, far below 2**53 µ€.
STATEMENT_UEUR_MAX = 1_000_000_000_000
# What a kiosk takes at a time, in euro: as the terminals of 2020 did.
TOP_UP_EUR_MIN = 5
TOP_UP_EUR_MAX = 250
# Payments that a kiosk may take unacknowledged: a hundred people a day for two weeks.
KIOSK_OFFLINE_COUNT_MAX = 2_000
# How long a kiosk may go on without the controller: as long as a lease on a card lives, 31 days.
KIOSK_OFFLINE_HOURS_MAX = 31 * 24
# Acknowledgements, and documents for cards, in one message to a kiosk.
KIOSK_ACKS_MAX = 100
KIOSK_DOCUMENTS_MAX = 32
# Refunds, and statements, in one message to a kiosk: each of up to 200 bytes, or of up to 1.5 KiB.
KIOSK_REFUNDS_MAX = 64
KIOSK_STATEMENTS_MAX = 10
# What waits at a kiosk for the controller, and what a status may say of it: two years of a busy office.
KIOSK_WAITING_MAX = 1_000_000
# Balance of a meter: |balance| stays inside 63 bits of quanta (427,000 €).
BALANCE_EUR_MAX = 400_000
# Issuers of statements that one person's signature makes known to a meter: the controller and some kiosks.
ISSUERS_PER_PERSON_MAX = 8
# Issuers in an issuers document: the controller and its kiosks; with their keys they fill half a payload.
ISSUERS_MAX = 32
# Issuers whose totals a meter remembers, also of those that no document names any more.
ISSUERS_HELD_MAX = 64
# Issuers of which a meter says the total with each report: at worst those of a dozen people would not fit.
ISSUERS_TOLD_MAX = 64
# Load of a household connection in W: even 3 × 400 A, an industrial connection, draws less.
LOAD_W_MAX = 1_000_000
# Journal entries kept in a meter's ring.
JOURNAL_ENTRIES_MAX = 512
# Hours of a release (design §4.2): a day, two, three, ten.
ReleaseHours = Literal[24, 48, 72, 240]
RELEASE_HOURS: Final[tuple[ReleaseHours, ...]] = get_args(ReleaseHours)
# Tombstones of cancelled cut orders a meter keeps.
TOMBSTONES_MAX = 64
# Cut orders that one meter remembers until they end, whether it has carried them out or not.
CUT_ORDERS_MAX = 16
# Of the fleet's key: one a year for longer than any meter lives.
KEY_GENERATIONS_MAX = 1_000
# Generations of kiosks' keys that a card has room for (`cardreader.card.keyring`), and that a kiosk keeps.
KIOSK_GENERATIONS_MAX = 3
# Earlier keys of a meter that vouch for its present one: of its manufacture, and the last ones.
KEYS_VOUCHING_MAX = 8
# Meters that one scope names: with ids of the usual length they and two signatures fill a payload.
SCOPE_METERS_MAX = 512
# Readings in one batch on a link: keeps a batch below PAYLOAD_BYTES_MAX.
READINGS_PER_BATCH_MAX = 100
# A scenario file and its population: an evening's run on a laptop.
SCENARIO_BYTES_MAX = 4 * 1024 * 1024
SCENARIO_METERS_MAX = 100_000
SCENARIO_EVENTS_MAX = 20_000
SCENARIO_DAYS_MAX = 3_660
# Rows of a file of households: all electricity connections of Belgium.
HOUSEHOLDS_MAX = 6_000_000
# One line of such a file: its dozen cells, each quoted and full, in UTF-8.
FILE_LINE_BYTES_MAX = 16 * 1024
# Households that come into a group, or leave it, in one act: others wait for the store meanwhile.
GROUP_ACT_MAX = 100_000
# Free groups that one household is in: a street, a round of a technician, a few campaigns.
GROUPS_PER_HOUSEHOLD_MAX = 16

# How long a clerk's opened key may stay open: as long as the longest session of the screen. Whoever needs
# more types the passphrase again.
CLERK_KEY_MINUTES_MAX = 60
