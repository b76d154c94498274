import math
import random
from pathlib import Path

from topgraft.runs import RunFolder
from topgraft.runs.writing import append_line, write_json, write_whole

SCRIPT = "<script>alert(1)</script>"
FORMULA = '=HYPERLINK("http://evil.example","x")'
LATEX = r"50% of $x_1$ & \input{evil} #~^{}"
LONG_WORD = "Donaudampfschifffahrt" * 40
CONTROL = "bell\x07 null\x00 esc\x1b[31m rtl\u202eabc"

ARMS = {"base": (0.21, 4.1, 0.55), "sft": (0.58, 12.7, 0.62), "ppo": (0.81, 14.9, 0.66)}
DESCRIPTIONS = {
    "sac": 'Mean probability that a calibrated style classifier says "professor".',
    "bleu": "Corpus BLEU-4 against the professor's feedback, 0 to 100.",
    "ca": "Share of responses that get the student's correctness right.",
    "win_rate": "Share of rows on which the reward model prefers the arm to base.",
    "reward": "Mean score of the reward model.",
    "kl": "KL to the SFT policy, nats per response.",
}
PROMPT = """Problem: Write a function `mean(xs)` that returns the arithmetic mean of a list of numbers.
The list may be empty; return 0.0 in that case.

Student's code:
def mean(xs):
    total = 0
    for x in xs:
        total += x
    return total / len(xs)"""
TEXTS = {
    "base": "The code is a function that takes the list and returns its mean. It is good code and works.",
    "sft": "Your loop is right. What happens when xs is empty? len(xs) is 0, so the division fails.",
    "ppo": "Good start: the sum is right. Now trace mean([]): which line runs first, and what is len(xs)? "
    "Guard that case before you divide, then submit again.",
}
REFERENCE = "Nice loop. Read the statement again: what should mean([]) give? Your last line divides by zero."


def entry(value: float, width: float, n: int) -> dict:
    return {"value": value, "low": value - width, "high": value + width, "n": n}


def compare(name: str, arm: str, against: str, value: float, width: float, note: str = "") -> dict:
    return {"name": name, "arm": arm, "against": against, **entry(value, width, 40), "note": note}


def fake_results() -> dict:
    arms = {}
    for place, (arm, (sac, bleu, ca)) in enumerate(ARMS.items()):
        metrics = {"sac": entry(sac, 0.062, 40), "bleu": entry(bleu, 1.43, 40), "ca": entry(ca, 0.15, 40)}
        if arm != "base":
            metrics["win_rate"] = entry(0.64 + 0.1 * place, 0.11, 40)
        metrics["reward"] = entry(-0.72 + 0.9 * place, 0.31, 40)
        metrics["kl"] = {
            "value": [0.0, 0.0, 3.84][place],
            "low": [0, 0, 3.1][place],
            "high": [0, 0, 4.5][place],
            "n": 40,
        }
        arms[arm] = {"metrics": metrics}
    return {
        "recipe": "professor",
        "seed": 42,
        "arms": arms,
        "comparisons": [
            compare("sac", "ppo", "sft", 0.23, 0.08),
            compare("sac", "ppo", "base", 0.6, 0.1),
            compare("reward", "ppo", "sft", 0.9, 0.3, "scored by the reward model that PPO was trained on"),
            compare("ca", "ppo", "sft", 0.04, 0.12),
            compare("win_rate", "ppo", "base", 0.84, 0.11),
        ],
        "instruments": {
            "sac": {"held_out_accuracy": 0.94, "calibration_error": 0.031, "n": 80},
            "ca": {"reader_accuracy": 0.62, "n": 40, "majority": 0.55},
            "reward": {"held_out_accuracy": 0.87, "n": 60},
            "overlap": {"test rows in train": 0, "longest shared span, tokens": 11},
        },
        "directions": {name: "lower" if name == "kl" else "higher" for name in DESCRIPTIONS},
        "descriptions": DESCRIPTIONS,
    }


def fake_provenance() -> dict:
    return {
        "topgraft": "0.1.0",
        "python": "3.11.7",
        "torch": "2.13.0",
        "transformers": "5.1.0",
        "peft": "0.18.0",
        "platform": "Linux-6.1-x86_64",
        "device": "cpu",
        "threads": 2,
        "commit": "3f2c1ab",
        "seed": 42,
        "recipe": "professor",
        "about": "Feedback on student code in one professor's voice, from a small model.",
        "model": {
            "name": "stories260K",
            "digest": "sha256:9c1f5e0b7a",
            "parameters": 260_032,
            "layers": 28,
            "trained_layers": [24, 25, 26, 27],
            "split_layer": 24,
            "trainable_parameters": 30_412,
            "template": "plain",
        },
        "data": {
            "source": "feedback-200.json",
            "digest": "sha256:77aa01",
            "rows": {"train": 140, "test": 40, "validation": 20},
            "problems": {"train": 70, "test": 20, "validation": 10},
            "too_long": 0,
        },
        "stages": ["base", "sft", "pairs", "reward", "reward-check", "ppo", "evaluate"],
        "command": "topgraft run professor --out runs/professor",
        "started": "2026-10-01T09:00:00+00:00",
        "finished": "2026-10-01T09:21:14+00:00",
    }


def summary(name: str, steps: int, seconds: float, passes: float | None, trained: int, best: int | None) -> dict:
    return {
        "stage": name,
        "algorithm": {"reward": "reward_model"}.get(name, name),
        "seconds": seconds,
        "peak_memory_bytes": 812_000_000 + 1000 * steps,
        "steps": steps,
        "trunk_passes_per_token": passes,
        "trainable_parameters": trained,
        "tokens": steps * 4096,
        "best_step": best,
        "metrics": {"eval/loss": 1.93},
    }


def log_stage(run: RunFolder, name: str, steps: int) -> None:
    noise = random.Random(name)
    for step in range(1, steps + 1):
        progress = 1 - math.exp(-3 * step / steps)
        line = {
            "loss/total": 3.9 - 1.8 * progress + noise.gauss(0, 0.12),
            "grad_norm": 1 + noise.random(),
            "learning_rate": 2e-5 * (1 - step / steps),
            "cost/seconds": 0.4 + 0.1 * noise.random(),
        }
        if step % 10 == 0:
            line |= {"eval/loss": 3.95 - 1.7 * progress, "eval/accuracy": 0.5 + 0.37 * progress}
        if name == "ppo":
            line = {key: value for key, value in line.items() if not key.startswith("eval/")}
            line |= {"loss/policy": noise.gauss(0, 0.02), "loss/value": 1.2 - progress}
            line |= {
                "reward/mean": -0.7 + 1.8 * progress + noise.gauss(0, 0.3),
                "kl/token": 0.06 * progress + noise.gauss(0, 0.004),
                "reward/score": -0.7 + 2.1 * progress + noise.gauss(0, 0.3),
                "kl/response": 3.8 * progress + noise.gauss(0, 0.3),
                "kl/beta": 0.01,
                "value/explained_variance": 0.8 * progress + noise.gauss(0, 0.1),
                "policy/entropy": 2.2 - progress,
                "policy/clip_fraction": 0.1 * noise.random(),
                "policy/approx_kl": 0.01 * noise.random(),
                "rollout/length": 40 + 12 * progress + noise.gauss(0, 4),
                "rollout/ended": 0.6 + 0.3 * progress,
            }
        run.stage(name).log(step, line)
    run.stage(name).sample(
        {"step": steps, "prompt": PROMPT, "response": TEXTS["sft"], "reference": REFERENCE, "reward": 0.4}
    )


def add_responses(run: RunFolder, rows: int) -> None:
    noise = random.Random(7)
    for arm in ARMS:
        for row in range(rows):
            text = TEXTS[arm] if row != 2 or arm != "base" else ""
            append_line(
                run.responses_file,
                {
                    "arm": arm,
                    "id": f"row-{row + 1}",
                    "problem": f"p{row // 2}",
                    "prompt": PROMPT,
                    "response": text,
                    "reference": REFERENCE,
                    "correct": row % 2 == 0,
                    "verdict": ["correct", "incorrect", None][noise.randrange(3)],
                    "sac": noise.random(),
                    "reward": noise.gauss(0, 1),
                    "reward_check": noise.gauss(0, 1),
                    "kl_response": 3.0,
                    "tokens": len(text.split()),
                    "ended": arm != "base",
                },
            )


RECIPE = """name = "professor"
seed = 42

[model]
name = "shipped:stories"
layers = "last-4"
"""


def build(path: Path) -> RunFolder:
    """Write a finished run."""
    run = RunFolder(path)
    write_json(path / "provenance.json", fake_provenance())
    write_whole(run.recipe_file, RECIPE)
    costs = {
        "sft": (200, 182.4, 1.0, 30_412, 150),
        "reward": (60, 64.9, 1.0, 30_476, 50),
        "ppo": (320, 912.7, 1.0, 60_888, None),
    }
    for name, (steps, seconds, passes, trained, best) in costs.items():
        log_stage(run, name, steps)
        run.stage(name).finish(summary(name, steps, seconds, passes, trained, best))
    for name, seconds in (("base", 21.0), ("pairs", 40.1), ("reward-check", 12.0), ("evaluate", 41.0)):
        run.stage(name).finish({"stage": name, "algorithm": name, "seconds": seconds, "tokens": 9000})
    add_responses(run, 40)
    write_json(run.results_file, fake_results())
    return run
