"""The report as PDF: the page as it prints, its figures as vectors (extra `pdf`: WeasyPrint)."""

from topgraft.errors import UserError
from topgraft.report.document import Document
from topgraft.report.formats.page import page


def pdf(document: Document) -> bytes:
    """Return the report as PDF. It holds its figures; nothing is fetched, whatever a text of a model asks for.

    UserError where WeasyPrint, or a library that it needs, is missing.
    """
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError) as error:
        raise UserError(
            f"A report as PDF needs WeasyPrint, which cannot be loaded ({error}). Install it with "
            'pip install "topgraft[pdf]" (on Linux also the library Pango), or ask for another format, e.g. latex.'
        ) from error
    fetcher = URLFetcher(allowed_protocols=["data"])
    return HTML(string=page(document, [], printed=True), url_fetcher=fetcher).write_pdf()
