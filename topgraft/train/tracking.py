"""Every step's metrics to other services besides, by accelerate's trackers. The run folder has them in any case."""

from typing import Any

from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

from topgraft.errors import UserError, nearest
from topgraft.recipe import Settings
from topgraft.runs import RunFolder

FOLDER = "tracking"
"""Where those that write files do it, in the run folder."""


class TrackSettings(Settings):
    """[track]: who gets the metrics of every step besides the run folder."""

    to: tuple[str, ...] = ()
    """ "tensorboard" (extra `track`; `tensorboard --logdir RUN/tracking`), or another service that accelerate knows and
    whose package is installed, e.g. "wandb", "mlflow", "trackio"."""


def refuse_unavailable(settings: TrackSettings) -> None:
    """Raise UserError for a service that is unknown, or whose package is not installed."""
    there = [str(name.value) for name in get_available_trackers()]
    for name in settings.to:
        if name not in LOGGER_TYPE_TO_CLASS:
            raise UserError(f'track.to = "{name}" is no service that is known. {nearest(name, LOGGER_TYPE_TO_CLASS)}')
        if name not in there:
            how = "pip install 'topgraft[track]'" if name == "tensorboard" else f"install the package of {name}"
            raise UserError(f'track.to = "{name}": its package is not installed. Write: {how}.')


class Tracking:
    """The services of one stage, which are opened at its first step here: that of a run that goes on may be any."""

    def __init__(self, settings: TrackSettings, run: RunFolder, stage: str) -> None:
        self.settings, self.run, self.stage = settings, run, stage
        self._open: list[Any] = []

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Send a step's metrics."""
        if not self._open:
            self._open = [self._opened(name, step) for name in self.settings.to]
        for tracker in self._open:
            tracker.log(metrics, step=step)

    def close(self) -> None:
        """Say that the stage has ended."""
        for tracker in self._open:
            tracker.finish()

    def _opened(self, name: str, step: int) -> Any:
        kind, called = LOGGER_TYPE_TO_CLASS[name], f"{self.run.path.name}-{self.stage}"
        later = {"purge_step": step} if name == "tensorboard" else {}  # steps that are done again replace their likes
        folder = [self.run.path / FOLDER] if kind.requires_logging_directory else []
        tracker = kind(called, *folder, **later)
        tracker.start()
        return tracker
