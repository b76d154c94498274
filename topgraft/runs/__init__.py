"""The run folder: the only thing that training writes and that reports read."""

from topgraft.runs.folder import RunFolder
from topgraft.runs.stage import StageFolder

__all__ = ["RunFolder", "StageFolder"]
