"""A conversation in lines with the arms of a finished run or an exported folder. Every line is a prompt of its own."""

from collections.abc import Iterable
from functools import cached_property

import torch

from topgraft.data.categories import Categoriser, fit
from topgraft.errors import UserError, nearest
from topgraft.rewards.combination import Reward
from topgraft.rollout.choosing import greedy
from topgraft.train.arms import Answer, OpenArms, answer
from topgraft.train.exported import ExportedArms
from topgraft.train.plan import Arm
from topgraft.train.progress import Screen, printable
from topgraft.train.reopening import arm_of
from topgraft.train.workplace import stage_seed

COMMANDS = {
    "/arm": "/arm NAME: talk to another arm; /arm alone lists them",
    "/scores": "/scores on, /scores off: the category of the prompt, where the data have some, and reward and "
    "parts of every answer; /scores alone changes it",
    "/help": "/help: this",
    "/quit": "/quit (or Ctrl-D): end; Ctrl-C stops an answer",
}


class Chat:
    """What a conversation remembers: the arm, how it answers and what is shown. No prompt hears of another.

    `likeliest`: greedy, or drawn as [sampling] says; None: as the arm is evaluated. `best_of`: how many are drawn, of
    which the one with the highest reward is the answer; None: as the arm has it. Answers go to standard output, all
    else to the screen; where nobody is there to read along (not `terminal`), an answer takes one line, and errors end
    the conversation.
    """

    def __init__(
        self,
        arms: OpenArms | ExportedArms,
        name: str,
        *,
        likeliest: bool | None,
        best_of: int | None,
        scores: bool,
        terminal: bool,
        screen: Screen,
    ) -> None:
        if likeliest and best_of:
            raise UserError("--best-of chooses among drawn answers, --greedy draws none. Leave one of them out.")
        self.arms, self.likeliest, self.best_of = arms, likeliest, best_of
        self.terminal, self.screen = terminal, screen
        seed = stage_seed(arms.plan.settings.seed, "chat")
        self.generator = torch.Generator().manual_seed(seed)
        self.scores = scores
        self._reward: Reward | None = None
        self.arm = self._turn_to(name or list(arms.plan.arms)[-1])

    def talk(self, lines: Iterable[str]) -> None:
        """Answer line by line, until there are no more or one of them is /quit."""
        for line in lines:
            text = line.strip()
            if not text:
                continue
            try:
                if text.split()[0] == "/quit":
                    return
                self._take(text)
            except UserError as error:
                if not self.terminal:
                    raise
                self.screen.say(f"error: {error}")

    def _take(self, text: str) -> None:
        """A command, or a prompt; two strokes begin a prompt with one."""
        if not text.startswith("/") or text.startswith("//"):
            self._answer(text.removeprefix("/") if text.startswith("//") else text)
            return
        command, *words = text.split()
        if command == "/arm":
            if words:
                self.arm = self._turn_to(" ".join(words))
            self.screen.say(f"  {self.arm.name} of {', '.join(self.arms.plan.arms)}")
        elif command == "/scores":
            if words not in ([], ["on"], ["off"]):
                raise UserError(f"/scores {' '.join(words)} is not understood. Write /scores on or /scores off.")
            on = words == ["on"] if words else not self.scores
            if on:
                self._scorer(self.arm)
            self.scores = on
            self.screen.say(f"  scores {'on' if self.scores else 'off'}")
        elif command == "/help":
            for line in COMMANDS.values():
                self.screen.say(f"  {line}")
        else:
            raise UserError(f"There is no command '{command}'. {nearest(command, COMMANDS)} // begins a prompt with /.")

    def _turn_to(self, name: str) -> Arm:
        """Make an arm ready to answer."""
        arm = arm_of(self.arms.run, self.arms.plan, name)
        count, temperature = self._count(arm), arm.settings.sampling.temperature
        if count > 1 and temperature == 0:
            raise UserError(
                f"The best of {count} needs answers that differ, and sampling.temperature is 0. Give one above 0, e.g. "
                f"--set sampling.temperature=0.7."
            )
        self._reward = None
        self.arms.close_all_but(arm)
        self.arms.open(arm)
        if count > 1 or self.scores:
            self._scorer(arm)
        return arm

    def _scorer(self, arm: Arm) -> Reward:
        if self._reward is None:
            self._reward = self.arms.reward(arm)
        return self._reward

    def _count(self, arm: Arm) -> int:
        """How many answers are drawn for one."""
        return self.best_of or (arm.best_of if self.likeliest is None else 1)

    def _answer(self, prompt: str) -> None:
        place, count = self.arms.open(self.arm), self._count(self.arm)
        likeliest = self.arms.plan.settings.evaluate.decoding == "greedy" if self.likeliest is None else self.likeliest
        settings = greedy(place.settings.sampling) if likeliest and count == 1 else place.settings.sampling
        score = self._scorer(self.arm) if count > 1 or self.scores else None
        try:
            found = answer(place, self.arm.policy, prompt, settings, self.generator, count=count, score=score)
        except KeyboardInterrupt:
            if not self.terminal:
                raise
            self.screen.say("\n  stopped")
            return
        best = found.order[0]
        text = printable(found.texts[best])
        print(text if self.terminal else " ".join(text.split()), flush=True)
        if prompt in place.template.cut_prompts:
            self.screen.say(
                f"  the prompt is longer than {place.template.prompt_limit} tokens; its middle was left out"
            )
        if self.terminal:
            end = "" if found.ended[best] else ", cut at its limit"
            of = f", the best of {count}" if count > 1 else ""
            said = f"{self.arm.name}, {found.seconds:.1f} s, {found.tokens[best]} tokens"
            self.screen.say(f"  {said}{end}{of}")
        if self.scores:
            if self._categoriser:
                name, probability = self._categoriser([prompt])[0]
                self.screen.say(f"  category {name}, {probability:.2f}")
            for row in found.order:
                told = f": {' '.join(found.texts[row].split())}" if count > 1 else ""
                self.screen.say(f"  reward {self._score(found, row)}{told}")

    @cached_property
    def _categoriser(self) -> Categoriser | None:
        """What says of what sort a prompt is, fitted on the training rows; None where these cannot teach it."""
        try:
            return fit(self.arms.open(self.arm).splits.train)
        except UserError:
            return None

    def _score(self, found: Answer, row: int) -> str:
        """The total and its parts, each times its weight; a part that does not apply is n/a."""
        assert found.scores is not None
        parts, mix = [], self.arms.judged_by(self.arm).mix
        for name, value_B in found.scores.parts.items():
            value, weight = value_B[row].item(), mix[name].weight
            shown = f"{value:.3f}" if value == value else "n/a"
            parts.append(f"{name} {shown}" + (f" x {weight:g}" if weight != 1 else ""))
        return f"{found.scores.total_B[row].item():.3f} ({', '.join(parts)})"
