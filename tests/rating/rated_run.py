"""A run whose answers can be rated, and `topgraft rate` on it in a process of its own."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from commands import ROOT, environment

from topgraft.runs import RunFolder
from topgraft.runs.writing import append_line, write_json, write_whole

ARMS = ("zebra-base", "quagga-sft", "okapi-ppo")
"""Names that stand in no answer and nowhere in the page."""
MARKUP = "<b>bold</b> <script>document.title = 'broken'</script> **stars** [a](javascript:1)"


def build_run(path: Path, problems: int = 4, rows: int = 2) -> RunFolder:
    """A run folder with an evaluation: `rows` prompts of each problem, answered by every arm."""
    run = RunFolder(path)
    write_whole(run.recipe_file, 'name = "rated"\n')
    write_json(path / "provenance.json", {"seed": 3, "recipe": "rated", "finished": "2026-10-01T09:00:00+00:00"})
    for place, arm in enumerate(ARMS):
        for row in range(problems * rows):
            text = f"Answer {'xyz'[place]} to prompt {row}.\n{MARKUP}"
            prompt = f"Prompt {row}: what does this print?\n    print({row})"
            problem = f"p{row // rows}"
            append_line(
                run.responses_file,
                {"arm": arm, "id": f"row-{row}", "problem": problem, "prompt": prompt, "response": text},
            )
    return run


class Server:
    """`topgraft rate RUN WORDS`, listening."""

    def __init__(self, run: RunFolder, *words: str, port: int = 0) -> None:
        command = [sys.executable, "-m", "topgraft", "rate", str(run.path), "--port", str(port), *words]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout is not None
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if "Ctrl-C" in line:
                break
        found = re.search(r"http://\S+", self.said)
        assert found, self.said
        self.link = found.group()
        self.port = int(self.link.split(":")[2].split("/")[0])

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> str:
        """Ctrl-C; what it said to the end."""
        os.kill(self.process.pid, signal.SIGINT)
        rest, _ = self.process.communicate(timeout=120)
        self.said += rest
        return self.said
