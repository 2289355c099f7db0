"""A receipt as a page: HTML that prints by itself, and PDF where weasyprint is there."""

from html import escape

from cardreader.receipts.slip import Slip

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
    return (
        f'<!doctype html>\n<html lang="{escape(slip.language)}">\n<head><meta charset="utf-8">'
        f"<title>{escape(slip.title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        f"<h1>{escape(slip.title)}</h1>\n{marks}<table>\n{rows}</table>\n{notes}</body>\n</html>\n"
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
