"""The detail pane: one invoice whole, as lines of text that scroll."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.style import Style

from store.alike import Twin
from store.detail import Detail
from store.domain.hold import EFFECT_WORDS
from store.domain.invoice import Line as BillLine
from store.domain.likeness import WORDS
from store.domain.money import show
from store.domain.status import TITLES, ErpStatus, Status
from store.domain.text import one_line
from tui.keymap import Place, bindings, pressed, way
from tui.text import STATUS_TITLES, cut, fitting, moment, status, wrapped
from tui.widgets.bar import BAD, BOLD, DIM, REVERSE, WARN, Bar, Line, Part, plain

G703 = "Lines (G703)"
SECTIONS = {"lines": G703, "errors": "Errors", "history": "History"}
EDGE = "| "
# What can be done about an error, and who does it where these keys are of no use.
MENDING = (
    ("invoices.export-values", "dates, description, ERP number"), ("invoices.export", "retry"), ("invoices.reject", "reject"),
)  # fmt: skip
# What the codes of errors begin with, and the kind of mapping that mends them.
MAPPED_KINDS = {kind: kind for kind in ("vendor", "account", "commitment", "job", "tax")} | {
    "cost_code": "account"
}
ELSEWHERE = "An accounting approver retries or rejects it, in ERP Integrations."
# Where the whole G703 leaves less for a line's name, the table shows this bill's figures alone.
NAME_LEAST = 16


def describe(detail: Detail, width: int, section: str, *, decides: bool = True) -> list[Line]:
    """The invoice in lines of at most ``width`` cells; amounts are never cut.

    ``decides``: the keys that decide are of use where it is shown, and to who looks at it.
    """
    match section:
        case "errors":
            return _errors(detail, width, decides=decides)
        case "history":
            return _history(detail, width)
        case _:
            return [
                *_returned(detail, width),
                *_difference(detail, width),
                *_facts(detail, width, decides=decides),
                *_position(detail, width),
                *_lines(detail, width),
                *_g702(detail, width),
                *_payments(detail, width),
                *_files(detail, width),
            ]


def _text(text: str, width: int, style: Style | None = None) -> list[Line]:
    return [plain(line, style) for line in wrapped(text, width)]


def _pair(name: str, value: str, width: int, style: Style | None = None) -> Line:
    # The name gives way: an amount is never cut.
    return (Part(cut(name, max(2, width - len(value) - 1)) + " "), Part(value, style))


def _returned(detail: Detail, width: int) -> list[Line]:
    row = detail.row
    if not row.outcome:
        return []
    reason = one_line(row.outcome_reason)
    return [*_text(f"{row.outcome.upper()}{': ' + reason if reason else ''}", width, BAD), ()]


def _difference(detail: Detail, width: int) -> list[Line]:
    """What was changed since it came back; of one that did, and is sent again, also that nothing was."""
    of = detail.difference
    if of is None or (not of.changes and detail.row.outcome):
        return []
    title = f"Changed since {one_line(of.by)} {of.outcome} it, {moment(of.at)}"
    found = _text(title, width, BOLD)
    if not detail.row.outcome:
        # The reason stands above while it is with the project.
        found += _text(one_line(of.reason), width, WARN) if of.reason else []
    changes = [line for text in of.lines() for line in wrapped(text, width - 2)]
    return [*found, *(plain("  " + line) for line in changes or ["nothing"]), ()]


def _facts(detail: Detail, width: int, *, decides: bool) -> list[Line]:
    row = detail.row
    facts = [
        f"{one_line(row.commitment)} {one_line(detail.commitment_title)}, application {row.application}",
        f"Job {one_line(row.job)} {one_line(detail.project_name)}",
        f"Period {detail.period_start} to {detail.period_end}, billed {detail.billing_date}",
        f"{STATUS_TITLES[Status(row.status)]}; {status(row.erp_status, row.outcome)}",
    ]
    if detail.accounting_date or detail.description:
        facts.append(f"Accounting date {detail.accounting_date or '-'}  {one_line(detail.description)}")
    if row.erp_number and row.erp_number != row.number:
        facts.append(f"ERP invoice number {one_line(row.erp_number)}")
    if detail.delivered:
        facts.append(
            f"Delivered as {one_line(detail.delivered)}; its receipt is awaited: payapp receipt FILE"
        )
    if row.origin_id:
        facts.append(f"In the ERP as {one_line(row.origin_id)}, batch {detail.batch or '-'}")
    facts.append(
        f"By {one_line(detail.creator) or 'an import'}; sent by {one_line(detail.sender) or 'nobody'}"
    )
    found = [line for fact in facts for line in _text(fact, width)]
    return [*found, *_flags(detail, width, decides=decides), ()]


def _flags(detail: Detail, width: int, *, decides: bool) -> list[Line]:
    releases = way("invoices.hold") if decides else "an accounting approver"
    words = {
        "D": "D may be a duplicate: another invoice of the vendor has",
        "H": f"H on hold; {releases} releases it",
        "S": "S own: you created or sent it",
        "C": "C changed since its rejection",
        "O": "O overbilled: a line exceeds its scheduled value",
        "L": "L over your limit: another approver exports it",
    }
    more = {"D": [line for twin in detail.twins for line in _twin(twin)], "H": _held(detail)}
    found: list[Line] = []
    for flag in detail.row.flags:
        found += _text(words.get(flag, flag), width, WARN)
        for text in more.get(flag, []):
            found += _text(f"  {text}", width)
    if detail.twins and "D" not in detail.row.flags:
        found += _text("Another invoice of the vendor has", width)
        for text in more["D"]:
            found += _text(f"  {text}", width)
    return found


def _twin(twin: Twin) -> list[str]:
    """What it has in common with the other one, and who let that pass."""
    where = f"job {one_line(twin.job)}, {one_line(twin.commitment)}"
    shared = " and ".join(WORDS[one] for one in twin.likenesses)
    found = [
        f"{shared}: {one_line(twin.number)} #{twin.id} ({where}) is {TITLES[twin.erp_status]}, from {one_line(twin.source)}"
    ]
    passed = dict.fromkeys(by for by in twin.overrides if by is not None)
    found += [f"  let pass by {one_line(by.who)}, {moment(by.at)}: {one_line(by.comment)}" for by in passed]
    return found


def _held(detail: Detail) -> list[str]:
    found = []
    for hold in detail.holds:
        where = f"{hold.scope.value} {one_line(hold.on)}: " if hold.on else ""
        found += [
            f"{where}{one_line(hold.why)}; by {one_line(hold.placed_by)}, {moment(hold.placed_at)}",
            f"  {EFFECT_WORDS[hold.effect]}",
        ]
    return found


def _position(detail: Detail, width: int) -> list[Line]:
    s, currency = detail.summary, detail.row.currency
    balance = s.sum_to_date - s.completed
    held = show(s.retainage_to_date, currency)
    rate = _rate(s.retainage_to_date, s.completed, detail.retainage_bp)
    found = [
        plain("Contract position", BOLD),
        _pair("Revised contract sum", show(s.sum_to_date, currency), width),
        _pair("Billed before", show(s.completed - s.gross, currency), width),
        _pair("This bill", show(s.gross, currency), width, BOLD),
        _pair("Balance", show(balance, currency), width, WARN if balance < 0 else None),
        _pair(fitting(width - len(held) - 1, *_held_names(rate)), held, width),
    ]
    if detail.issued is not None:
        found.append(_pair("Payments issued", show(detail.issued, currency), width))
    if detail.final and balance:
        found += _text(f"FINAL, with a balance of {show(balance, currency)} left", width, WARN)
    return [*found, ()]


def _held_names(rate: tuple[str, str] | None) -> tuple[str, ...]:
    """What the retainage held is called, the longest first: with its rate, and the contract's in brackets."""
    if rate is None:
        return "Retainage held", "Ret. held"
    held, contract = rate
    return (
        f"Retainage held {held} (contract {contract})",
        f"Ret. held {held} (contract {contract})",
        f"Held {held} (contract {contract})",
        f"Held {held} (contr. {contract})",
        f"Held {held} ({contract})",
    )


def _rate(held: int, completed: int, contract_bp: int) -> tuple[str, str] | None:
    """The rate held, in percent with one decimal, from integers, and the contract's."""
    if completed <= 0:
        return None
    tenths = (held * 1000 + completed // 2) // completed
    return f"{tenths // 10}.{tenths % 10} %", f"{contract_bp / 100:g} %"


def _lines(detail: Detail, width: int) -> list[Line]:
    currency = detail.row.currency
    full = [
        (x.scheduled, x.work_before, x.work_now, x.stored_now, x.total, x.retainage) for x in detail.lines
    ]
    # The form's own letters: D + E + F = G. What is stored is a balance, so no bill's share of it adds up there.
    titles: tuple[str, ...] = ("C Scheduled", "D Previous", "E Work", "F Stored", "G To date", "Retainage")
    texts, widths = _columns(titles, full, currency)
    if width - sum(w + 1 for w in widths) < NAME_LEAST:
        titles = ("This bill", "Retainage")
        texts, widths = _columns(titles, [(x.amount, x.retainage) for x in detail.lines], currency)
    room = max(4, width - sum(w + 1 for w in widths))
    found: list[Line] = [plain(_table_row(G703, titles, room, widths), BOLD)]
    for line, row in zip(detail.lines, texts, strict=False):
        found.append(plain(_table_row(_name(line), row, room, widths), WARN if line.overbilled else None))
    return [*found, plain(_table_row("Total", texts[-1], room, widths), BOLD), ()]


def _columns(
    titles: Sequence[str], figures: Sequence[tuple[int, ...]], currency: str
) -> tuple[list[tuple[str, ...]], list[int]]:
    """The figures and behind them their sums as text, and how wide each column is."""
    sums = tuple(sum(column) for column in zip(*figures, strict=True)) if figures else (0,) * len(titles)
    texts = [tuple(show(value, currency) for value in row) for row in [*figures, sums]]
    return texts, [max(map(len, column)) for column in zip(titles, *texts, strict=True)]


def _name(line: BillLine) -> str:
    return f"{line.item or line.position} {line.description}"


def _table_row(name: str, cells: Sequence[str], room: int, widths: Iterable[int]) -> str:
    return cut(name, room) + "".join(" " + cell.rjust(w) for cell, w in zip(cells, widths, strict=True))


def _g702(detail: Detail, width: int) -> list[Line]:
    s, currency = detail.summary, detail.row.currency
    rows = (
        ("1 Original contract sum", s.original_sum),
        ("2 Change orders", s.change_orders),
        ("3 Contract sum to date", s.sum_to_date),
        ("4 Completed and stored", s.completed),
        ("5 Retainage", s.retainage_to_date),
        ("6 Earned less retainage", s.earned_less_retainage),
        ("7 Previous certificates", s.previous_certificates),
        ("8 Current payment due", s.net),
        ("9 Balance to finish", s.balance_to_finish),
    )
    found = [
        plain("Summary (G702)", BOLD),
        *(_pair(name, show(value, currency), width) for name, value in rows),
    ]
    if s.tax:
        found.append(_pair("Tax", show(s.tax, currency), width))
        found.append(_pair("Payment due with tax", show(s.payment_due, currency), width))
    return [*found, ()]


def _payments(detail: Detail, width: int) -> list[Line]:
    if not detail.payments:
        return []
    currency, paid = detail.row.currency, sum(payment.amount for payment in detail.payments)
    left = detail.summary.payment_due - paid
    return [
        plain("Payments of the ERP", BOLD),
        *(
            _pair(f"{p.day} {one_line(f'{p.method} {p.ref}')}", show(p.amount, currency), width)
            for p in detail.payments
        ),
        _pair("Paid", show(paid, currency), width, BOLD),
        _pair("Still to pay", show(left, currency), width, WARN if left < 0 else None),
        (),
    ]


def _files(detail: Detail, width: int) -> list[Line]:
    if not detail.attachments:
        return [plain("Attachments: none", DIM)]
    return [
        plain("Attachments", BOLD),
        *(line for name, where in detail.attachments for line in _text(_file(name, where), width)),
    ]


def _file(name: str, where: str) -> str:
    """An attachment's path or link, whole; before it its name, where that is not its last part."""
    name, where = one_line(name), one_line(where)
    if not where:
        return name
    return where if where.endswith(name) else f"{name}: {where}"


def _errors(detail: Detail, width: int, *, decides: bool) -> list[Line]:
    row = detail.row
    if not row.error_code:
        goes = decides and row.erp_status in {ErpStatus.READY, ErpStatus.FAILED}
        more = f" {way('invoices.dry-run')} shows what would stand against an export." if goes else ""
        return _text(f"No errors.{more}", width, DIM)
    found = [
        *_text(f"FAIL {row.error_code}", width, BAD),
        *_text(row.error_cause, width),
        (),
        *_text(f"Fix: {row.error_fix}", width),
        (),
    ]
    if not decides:
        return [*found, *_text(ELSEWHERE, width, DIM)]
    keys = [f"{way(name)}: {does}" for name, does in MENDING]
    if row.error_code.partition(".")[0] in MAPPED_KINDS:
        keys.insert(0, f"{way('list.more')} {pressed('more.third-tool')}: Mappings")
    lines = (line for text in keys for line in wrapped(text, width - 2))
    return [*found, plain("Keys:", DIM), *(plain(f"  {line}", DIM) for line in lines)]


def _history(detail: Detail, width: int) -> list[Line]:
    if not detail.history:
        return _text("Nothing has happened to it yet.", width, DIM)
    found: list[Line] = []
    for event in detail.history:
        found.append(plain(cut(f"{moment(event.at)} {event.who} {event.what}", width).rstrip(), BOLD))
        found += [plain("  " + line) for line in wrapped(event.detail, width - 2)] if event.detail else []
    return found


class DetailPane(Bar, can_focus=True):
    """The detail of the invoice under the cursor."""

    BINDINGS = bindings(Place.DETAIL)

    def __init__(self, *, decides: bool = True, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._decides = decides
        self._detail: Detail | None = None
        self._body: list[Line] = []
        self._top = 0
        # The invoice whose G703 lines are to stand at the top as soon as it is there.
        self._sought: int | None = None
        self.section = "lines"

    @property
    def at(self) -> tuple[str, int]:
        """The section, and how far down it."""
        return self.section, self._top

    @property
    def invoice_id(self) -> int | None:
        """Which invoice is shown."""
        return self._detail.row.id if self._detail else None

    def set_detail(self, detail: Detail | None) -> None:
        """Show this invoice, from the top unless it is the same one."""
        if detail is None or detail.row.id != self.invoice_id:
            self._top = 0
        self._detail = detail
        self._describe()
        if self._sought is not None:
            self.show_lines(self._sought)
            self._sought = None

    def set_section(self, section: str) -> None:
        """Lines, errors or history."""
        self.section, self._top = section, 0
        self._describe()

    def show_lines(self, invoice: int | None) -> None:
        """This invoice's G703 lines at the top; when it is read, if it is another one that is shown yet."""
        if invoice != self.invoice_id:
            self._sought = invoice
            return
        starts = (n for n, line in enumerate(self._body) if line and line[0].text.startswith(G703))
        self._top = next(starts, 0)
        self._draw()

    def _describe(self) -> None:
        width = max(10, self.size.width - len(EDGE))
        self._body = (
            describe(self._detail, width, self.section, decides=self._decides) if self._detail else []
        )
        self._draw()

    def _draw(self) -> None:
        self._top = max(0, min(self._top, len(self._body) - (self.size.height - 2)))
        if self._detail is None:
            self.show(*[plain(EDGE)] * self.size.height)
            return
        row, width = self._detail.row, max(10, self.size.width - len(EDGE))
        number = fitting(width - 10, one_line(row.number))
        title = f"{number}  {cut(row.vendor, width - len(number) - 2)}"
        head: list[Line] = [
            (Part(EDGE), Part(title, REVERSE if self.has_focus else BOLD)),
            (Part(EDGE), *self._tabs(width)),
        ]
        body = self._body[self._top : self._top + self.size.height - 2]
        blank: list[Line] = [()] * (self.size.height - 2 - len(body))
        self.show(*head, *((Part(EDGE), *line) for line in [*body, *blank]))

    def _tabs(self, width: int) -> Line:
        more = len(self._body) - self._top - (self.size.height - 2)
        hint = f"{more} more {'line' if more == 1 else 'lines'}" if more > 0 else ""
        parts = [
            Part(f"{title}  ", BOLD if name == self.section else DIM, f"show-{name}")
            for name, title in SECTIONS.items()
        ]
        used = sum(len(part.text) for part in parts)
        return (*parts, Part(fitting(max(0, width - used), hint, ""), DIM))

    def on_resize(self) -> None:
        """Wrap the lines for the new width."""
        self._describe()

    def on_focus(self) -> None:
        """The title shows where the keys go."""
        self._draw()

    def on_blur(self) -> None:
        """The title shows where the keys go."""
        self._draw()

    def _scroll(self, step: int) -> None:
        self._top += step
        self._draw()

    def action_scroll_down(self) -> None:
        """One line down."""
        self._scroll(1)

    def action_scroll_up(self) -> None:
        """One line up."""
        self._scroll(-1)

    def action_page_down(self) -> None:
        """One page down."""
        self._scroll(self.size.height - 3)

    def action_page_up(self) -> None:
        """One page up."""
        self._scroll(3 - self.size.height)

    def action_scroll_home(self) -> None:
        """To the top."""
        self._scroll(-self._top)

    def action_scroll_end(self) -> None:
        """To the end."""
        self._scroll(len(self._body))
