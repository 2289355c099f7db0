"""A receipt as a page: HTML that prints by itself, and PDF where weasyprint is there."""

from base64 import b64encode
from html import escape
from importlib import resources

from cardreader.receipts.slip import Slip, SlipStep

_STYLE = """
body { font: 12pt sans-serif; max-width: 80mm; margin: 4mm; color: #000; background: #fff }
h1 { font-size: 14pt } th { text-align: left; font-weight: normal; padding-right: 2mm }
td { text-align: right } .sum { font-weight: bold } .mark { border: 1px solid; padding: 1mm }
@page { size: 80mm 200mm; margin: 2mm }
"""


def html_of(slip: Slip) -> str:
    """The receipt as one HTML file, without anything outside of it."""
    rows = "".join(
        f'<tr{" class=sum" if line.is_sum else ""}><th scope="row">{escape(line.label)}</th>'
        f"<td>{escape(line.value)}</td></tr>\n"
        for line in slip.lines
    )
    marks = "".join(f'<p class="mark">{escape(mark)}</p>\n' for mark in slip.marks)
    notes = "".join(f"<p>{escape(note)}</p>\n" for note in slip.notes)
    steps = "".join(f"<li>{_picture(step)}<br>{escape(step.text)}</li>\n" for step in slip.steps)
    steps = f"<ol>\n{steps}</ol>\n" if steps else ""
    return (
        f'<!doctype html>\n<html lang="{escape(slip.language)}">\n<head><meta charset="utf-8">'
        f"<title>{escape(slip.title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        f"<h1>{escape(slip.title)}</h1>\n{marks}<table>\n{rows}</table>\n{notes}{steps}</body>\n</html>\n"
    )


def _picture(step: SlipStep) -> str:
    """The picture inside the page, as the screen shows it, with what it shows for those who do not see it."""
    svg = resources.files("cardreader").joinpath("screen", "static", "pictures", f"{step.picture}.svg")
    data = b64encode(svg.read_bytes()).decode()
    return (
        f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(step.picture_text)}" '
        'width="120" height="80">'
    )


def pdf_of(slip: Slip) -> bytes | None:
    """The receipt as a tagged PDF (ISO 14289-1); None where weasyprint is not there (extra `[pdf]`)."""
    try:
        from weasyprint import HTML  # noqa: PLC0415 # an extra, and slow to load
    except (ImportError, OSError):
        return None
    printed = HTML(string=html_of(slip)).write_pdf(pdf_variant="pdf/ua-1")
    assert isinstance(printed, bytes), type(printed)
    return printed
