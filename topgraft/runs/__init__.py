"""The run folder: the only thing that training writes and that reports read."""

from topgraft.runs.folder import RunFolder, StageFolder

__all__ = ["RunFolder", "StageFolder"]
