"""The card of an exported policy: the run's figures with n and intervals, and no text that leaves its place."""

from typing import Any

import yaml
from fake_run import SCRIPT, fake_provenance, fake_results

from topgraft.report.card import card
from topgraft.report.card_use import use

MADE: dict[str, Any] = {
    "base": {"name": "someone/model-1B", "hub": "someone/model-1B", "licence": "Apache-2.0"},
    "data": {"source": "answers.jsonl", "licence": "CC-BY-4.0"},
    "precision": "bfloat16",
    "blocks": [24, 25],
    "lora": {"rank": 24, "alpha": 32.0},
    "template": "",
    "chat_template": True,
    "attention": "auto",
    "stop": [],
    "check": {
        "difference": 0.125,
        "largest_logit": 25.0,
        "positions": 132,
        "same_likeliest": 131,
        "limit": 0.05,
        "moved": 6.5,
        "precision": "float32",
    },
    "quantized": None,
}


def about(**changed: Any) -> dict[str, Any]:
    """What topgraft.json holds, as far as the card reads it; `changed` by its keys or those of "made"."""
    top = {"recipe": "professor", "arm": "ppo", "weights": "adapter", "seed": 42, "topgraft": "0.1.0"}
    return top | {key: changed.pop(key) for key in list(changed) if key in top} | {"made": MADE | changed}


def words(text: str) -> str:
    """The card in one line, so that a sentence may be looked for."""
    return " ".join(text.split())


def test_a_card_says_what_it_is_how_it_was_made_and_how_near_it_is():
    text = card(fake_results(), fake_provenance(), about())
    head = yaml.safe_load(text.split("---\n")[1])
    assert head == {
        "base_model": "someone/model-1B",
        "library_name": "peft",
        "license": "apache-2.0",
        "pipeline_tag": "text-generation",
        "tags": ["topgraft", "lora"],
    }
    said = words(text)
    assert "A LoRA adapter of rank 24 (alpha 32) on blocks 24, 25 of someone/model-1B, in bfloat16." in said
    assert "answers.jsonl (140 train, 40 test, 20 validation rows)" in said
    assert "differ by at most 0.12 where the largest is 25; the limit was 1.2, and training had moved them by" in said
    assert "up to 6.5. The likeliest token is the same at 131 of 132 positions." in said
    assert "Training data answers.jsonl: CC-BY-4.0" in said
    assert "https://huggingface.co/someone/model-1B" in said
    assert "(20 problems)" in said


def test_figures_stand_with_n_and_intervals_beside_those_of_the_arms_before():
    results = fake_results() | {"starts": {"ppo": "sft", "sft": "base"}}
    results["arms"]["other"] = results["arms"]["sft"]
    text = card(results, fake_provenance(), about())
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}
    assert [cell.strip() for cell in rows["Figure"].strip("| ").split("|")] == ["Figure", "base", "sft", "ppo", "n"]
    cells = [cell.strip() for cell in rows["SAC"].strip("| ").split("|")]
    assert cells == ["SAC", "0.210 [0.148, 0.272]", "0.580 [0.518, 0.642]", "0.810 [0.748, 0.872]", "40"]
    assert rows["Reward"].count("\N{MINUS SIGN}") >= 2


def test_a_run_that_was_not_measured_says_so():
    assert "The run has not been evaluated." in card({}, {}, about())


def test_no_text_leaves_its_place():
    evil = f"{SCRIPT} | [x](http://evil.example) `a`\n# Heading"
    made = {
        "base": {"name": evil, "hub": "", "licence": "mit\n---\nevil: true"},
        "data": {"source": evil, "licence": evil},
        "chat_template": False,
        "template": "```\n</code> {prompt}\n# Heading\n```",
        "stop": [evil],
    }
    provenance = fake_provenance() | {"about": evil}
    text = card(fake_results(), provenance, about(recipe=evil, **made))
    head = yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))
    assert set(head) == {"library_name", "license", "pipeline_tag", "tags"}
    body = text.split("\n---\n", 1)[1]
    outside = body.split("````text")[0] + body.split("````text")[1].split("````")[1]
    assert "<script" not in outside.replace("\\<script", "")
    assert "](http" not in outside.replace("&#91;x]", "")
    assert "\n# Heading" not in outside
    assert "````text\n```\n</code> {prompt}\n# Heading\n```\n````" in body


def test_a_quantized_run_says_how_far_its_figures_are_from_this_model():
    gap = {"kind": "8bit", "difference": 1.25, "largest_logit": 25.0, "positions": 132, "same_likeliest": 120}
    said = words(card(fake_results(), fake_provenance(), about(quantized=gap)))
    assert "held the frozen blocks of its base in 8bit" in said
    assert "differ from it by at most 1.2; the likeliest token is the same at 120 of 132 positions" in said


def test_commands_fit_the_kind_of_weights():
    adapter = use(about())
    assert "vllm serve someone/model-1B --enable-lora --max-lora-rank 32 --lora-modules ppo=FOLDER\n" in adapter
    assert "AutoPeftModelForCausalLM.from_pretrained(folder" in adapter
    plain_text = use(about(template="Say {prompt}:", base={"name": "my", "hub": "", "licence": ""}))
    assert "vllm serve BASE --enable-lora" in plain_text
    assert "--chat-template FOLDER/chat_template.jinja" in plain_text
    assert "names it by its path" in words(plain_text)
    merged = use(about(weights="merged", attention="eager"))
    assert "vllm serve FOLDER\n" in merged
    assert 'AutoModelForCausalLM.from_pretrained(folder, dtype="auto", attn_implementation="eager")' in merged
    assert "peft" not in merged
    assert "rank 512 at most" in use(about(lora={"rank": 600, "alpha": 1}))
