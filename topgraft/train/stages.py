"""The stages of a run, each a function on the workplace: do it, or reload what it left when it is already done."""

from collections.abc import Callable

from topgraft.algorithms.dpo import DPO
from topgraft.algorithms.grpo import GRPO
from topgraft.algorithms.kto import KTO
from topgraft.algorithms.orpo import ORPO
from topgraft.algorithms.ppo import PPO
from topgraft.algorithms.protocol import Algorithm, StepSettings
from topgraft.algorithms.reward_model import RewardModel
from topgraft.algorithms.rloo import RLOO
from topgraft.algorithms.sft import SFT
from topgraft.records import Comparison
from topgraft.rewards.learned import LearnedReward
from topgraft.rollout.sampling import sample
from topgraft.runs import StageFolder
from topgraft.runs.writing import append_line, read_lines
from topgraft.train.cost import Clock
from topgraft.train.execution import finish, train_stage
from topgraft.train.settings import FROM_PAIRS, ON_POLICY
from topgraft.train.workplace import Workplace

LEARNERS: dict[str, Callable[..., Algorithm]] = {
    "sft": SFT,
    "reward": RewardModel,
    "reward-check": RewardModel,
    "dpo": DPO,
    "orpo": ORPO,
    "kto": KTO,
    "ppo": PPO,
    "grpo": GRPO,
    "rloo": RLOO,
}
"""Stages that train, and with what."""


def learner(place: Workplace, name: str) -> tuple[Algorithm, StepSettings]:
    """The algorithm that stage `name` trains, in a new slot, and its settings."""
    settings = place.settings.learners[name]
    actors = place.actors(name, score=place.rewards["reward"] if name in ON_POLICY else None)
    starts = {"reference": place.start_slot} if name in FROM_PAIRS or name in ON_POLICY else {}
    return LEARNERS[name](actors, settings, name, **starts), settings


def sft(place: Workplace, stage: StageFolder) -> None:
    """Supervised fine-tuning on the training demonstrations."""
    algorithm, settings = learner(place, "sft")
    splits = place.splits
    train_stage(place, stage, algorithm, "sft", settings, splits.train, splits.validation, shows_text=True)


def pairs(place: Workplace, stage: StageFolder) -> None:
    """Simulated preferences: the reference answer against a sample of the base model, really decoded."""
    if stage.finished:
        return
    clock, rows = Clock(), [*place.splits.train, *place.splits.validation]
    rows = [row for row in rows for _ in range(place.settings.pairs.samples_per_prompt)]
    generator = place.actors("pairs").generator
    before = place.model.meter.tokens_in
    size, kept = place.settings.sampling.rows_at_once, 0
    records = []
    with place.screen.bar("pairs", -(-len(rows) // size)) as bar, place.model.slots.use(None):
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            prompts = [place.template.encode_prompt(row.prompt) for row in part]
            rollouts = sample(place.model, place.template, prompts, place.settings.sampling, generator)
            tokens, kept = rollouts.tokens, kept + rollouts.trunk.distinct_tokens
            for number, row in enumerate(part):
                ids = tokens.ids_BT[number][tokens.counted_BT[number]].tolist()
                records.append(
                    {
                        "key": row.key,
                        "prompt": row.prompt,
                        "chosen": row.response,
                        "rejected": rollouts.texts[number],
                        "rejected_ids": ids,
                    }
                )
            bar.advance({}, ())
    path = stage.path / "pairs.jsonl"
    path.unlink(missing_ok=True)
    for record in records:
        append_line(path, record)
    passes = (place.model.meter.tokens_in - before) / kept
    finish(place, stage, "sampling", clock, steps=len(rows), passes=passes, tokens=kept)


def reward(place: Workplace, stage: StageFolder) -> None:
    """The reward model that PPO and the evaluation use."""
    place.rewards["reward"] = _reward_model(place, stage)


def reward_check(place: Workplace, stage: StageFolder) -> None:
    """A second reward model with another seed, for the evaluation only: a gain must show under both."""
    place.rewards["reward_check"] = _reward_model(place, stage)


def from_pairs(place: Workplace, stage: StageFolder) -> None:
    """A policy that starts from SFT and learns from the pairs; ties prefer nothing and are left out."""
    algorithm, settings = learner(place, stage.name)
    parts = _split_pairs(place)
    train, held_out = ([row for row in part if row.strength > 0] for part in parts)
    ties = sum(map(len, parts)) - len(train) - len(held_out)
    if ties:
        place.screen.say(f"  {ties} ties are left out: neither answer is preferred")
    train_stage(place, stage, algorithm, stage.name, settings, train, held_out, shows_text=True)


def from_samples(place: Workplace, stage: StageFolder) -> None:
    """A policy that starts from SFT and learns from its own answers to the training prompts."""
    algorithm, settings = learner(place, stage.name)
    splits = place.splits
    train_stage(place, stage, algorithm, stage.name, settings, splits.train, splits.validation, shows_text=True)


STAGES: dict[str, Callable[[Workplace, StageFolder], None]] = {
    "sft": sft,
    "pairs": pairs,
    "reward": reward,
    "reward-check": reward_check,
    **dict.fromkeys(FROM_PAIRS, from_pairs),
    **dict.fromkeys(ON_POLICY, from_samples),
}


def _reward_model(place: Workplace, stage: StageFolder) -> LearnedReward:
    algorithm, settings = learner(place, stage.name)
    assert isinstance(algorithm, RewardModel)
    train_stage(place, stage, algorithm, "reward", settings, *_split_pairs(place))
    return algorithm.reward


def _split_pairs(place: Workplace) -> tuple[list[Comparison], list[Comparison]]:
    """Pairs of training prompts, and of validation prompts."""
    train_keys = {row.key for row in place.splits.train}
    rows = comparisons(place)
    return [row for row in rows if row.key in train_keys], [row for row in rows if row.key not in train_keys]


def comparisons(place: Workplace) -> list[Comparison]:
    """The pairs that stage `pairs` wrote; an empty base sample gives no pair."""
    path = place.run.stage("pairs").path / "pairs.jsonl"
    records = [record for record in read_lines(path) if record["rejected"].strip()]
    return [Comparison(**{**record, "rejected_ids": tuple(record["rejected_ids"])}) for record in records]
