"""Whether the rows have the answers that a recipe learns from or is measured by."""

from collections.abc import Sequence

from topgraft.errors import UserError
from topgraft.records import Demonstration
from topgraft.train.plan import Plan
from topgraft.train.settings import RunSettings


def refuse_unanswered(settings: RunSettings, rows: Sequence[Demonstration]) -> None:
    """Raise UserError where rows without an answer meet something that needs one: prompts alone are enough for what
    learns from its own samples by a rule, or by a reward model that is loaded."""
    missing = [row.key for row in rows if not row.response and row.rejected is None]
    wanted = _wanted(settings) if missing else []
    if wanted:
        raise UserError(
            f"{len(missing)} of {len(rows)} rows of {settings.data.source} are prompts without an answer (e.g. "
            f"{missing[0]}), and {' and '.join(wanted)} need answers. Name their column with data.response; or learn "
            f"from prompts alone, by ppo, grpo or rloo with a rule or a loaded reward model (reward.load)."
        )


def _wanted(settings: RunSettings) -> list[str]:
    """What needs answers, in words."""
    plan, found = Plan(settings), list[str]()
    for step in plan.steps.values():
        if step.kind == "pairs":
            found.append("stage 'pairs'")
        elif step.settings.learns_from(step.kind) == "demonstrations" and not step.settings.options(step.kind).load:
            found.append(f"stage '{step.kind}'")
    for name, part in settings.mix.items():
        if part.normalise or part.use == "similarity":
            found.append(f"[rewards.{name}]")
    return list(dict.fromkeys(found))
