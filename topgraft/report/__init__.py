"""The report: one self-contained page, tables and figures, made from a run folder alone."""

from topgraft.report.page import write_report
from topgraft.report.tables import final_table

__all__ = ["final_table", "write_report"]
