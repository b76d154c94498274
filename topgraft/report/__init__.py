"""The report: one self-contained page, tables and figures, and other formats of it, made from a run folder alone."""

from topgraft.report.words.tables import final_table
from topgraft.report.write import summary, write_report

__all__ = ["final_table", "summary", "write_report"]
