"""Law: the check-list of PPO for language (Ziegler et al. 2019; Huang et al. 2024, arXiv 2403.17031), item by item.

What a file beside its subject pins already stands there; a path below is relative to the folder of all tests.

1. Before the first update every ratio is 1 and the approximate KL 0; dropout is off.
   algorithms/test_ppo_collect.py: test_ratio_is_1_and_approximate_kl_0_on_the_first_micro_batch
   algorithms/test_ppo_collect.py: test_policy_equals_reference_at_step_0
   algorithms/test_checklist.py: test_item_1_dropout_is_off_in_a_model_that_came_in_training_mode
2. Logits are divided by the temperature everywhere: sampling, old, new and reference.
   rollout/test_choosing.py: test_without_penalty_and_truncation_tokens_are_drawn_from_the_model_itself
   rollout/test_sampling.py: test_sampled_logprobs_equal_a_full_pass_of_the_branch_and_of_the_unsplit_model
   algorithms/test_ppo_collect.py: test_kl_and_rewards_of_a_moved_policy_are_those_of_the_unsplit_models
   algorithms/test_parity.py: test_ppo_is_the_papers_to_eight_digits
3. Each token pays beta (log pi - log pi_ref), k1, in its reward, and nothing after the end; k3 is watched.
   objectives/test_kl.py: test_k1_is_policy_minus_reference
   objectives/test_advantages.py: test_token_rewards_by_hand_score_the_last_counted_token_and_pay_for_positive_k1
   objectives/test_advantages.py: test_nan_in_the_padding_of_the_kl_does_not_reach_the_rewards
   algorithms/test_ppo_collect.py: test_kl_and_rewards_of_a_moved_policy_are_those_of_the_unsplit_models
   algorithms/test_parity.py: test_ppo_is_the_papers_to_eight_digits
   algorithms/test_kl_control.py: test_every_estimator_of_the_kl_is_logged
4. The score enters once, at the last kept token; masks have the end and no padding, whatever the ids; pad is no end.
   objectives/test_advantages.py: test_the_score_enters_exactly_once
   algorithms/test_ppo_collect.py: test_the_score_arrives_once_and_at_the_last_kept_token
   rollout/test_sampling.py: test_any_end_id_stops_a_row_and_is_counted_and_only_the_last_token_is_one
   rollout/test_template.py: test_pad_is_inside_the_vocabulary_and_no_end_id
   algorithms/test_checklist.py: test_item_4_a_pad_token_that_was_sampled_is_a_token_like_any_other
5. A response without an end in its budget loses a constant.
   algorithms/test_ppo_collect.py: test_a_response_that_did_not_end_loses_the_penalty
   algorithms/test_ppo_collect.py: test_a_response_that_a_stop_string_ends_keeps_its_score
6. Reward model: its references score 0 with deviation 1, its head starts at N(0, 1 / sqrt(H + 1)), a tie is no success.
   algorithms/test_reward_model.py: test_after_training_chosen_answers_have_mean_0_and_all_answers_or_they_deviation_1
   algorithms/test_reward_model.py: test_the_head_starts_with_the_papers_deviation_and_no_bias
   algorithms/test_reward_model.py: test_constant_scores_give_accuracy_one_half_and_loss_log_2
   objectives/test_losses.py: test_ties_count_one_half
7. Values start at 0 and are clipped; returns come from advantages before they are whitened.
   algorithms/test_ppo_collect.py: test_the_value_head_starts_at_zero_so_the_first_values_are_zero
   objectives/test_losses.py: test_value_loss_of_one_token_by_hand
   algorithms/test_ppo_collect.py: test_returns_come_from_advantages_that_are_not_whitened_and_advantages_are
   algorithms/test_parity.py: test_ppo_is_the_papers_to_eight_digits
8. Whitening: advantages always, rewards with their mean kept where asked; biased variance, counted tokens only.
   objectives/test_masked.py: test_masked_variance_of_a_hand_example_is_biased
   objectives/test_masked.py: test_whiten_of_a_hand_example
   objectives/test_masked.py: test_whiten_agrees_with_plain_loops
   algorithms/test_ppo_collect.py: test_returns_come_from_advantages_that_are_not_whitened_and_advantages_are
   algorithms/test_ppo_collect.py: test_whitened_rewards_have_variance_1_and_keep_their_mean
9. GAE by hand, gamma 1 and lambda 0.95, nothing after the last token.
   objectives/test_advantages.py: test_gae_of_three_tokens_by_hand
   objectives/test_advantages.py: test_gae_agrees_with_its_definition
   objectives/test_advantages.py: test_gae_defaults_to_gamma_1_and_lambda_0_95
   objectives/test_advantages.py: test_nothing_follows_the_last_token
   algorithms/test_checklist.py: test_items_5_7_9_and_11_defaults_are_the_papers
10. Beta follows a target: the relative error held within 0.2, moved by responses over the horizon.
   objectives/test_kl.py: test_beta_follows_its_target_by_hand
   algorithms/test_kl_control.py: test_beta_follows_the_kl_of_the_rollouts_before
11. AdamW with epsilon 1e-5, its rate falling linearly to 0.
   train/test_train_loop.py: test_the_first_update_is_that_of_the_optimizer_that_was_set
   train/test_train_loop.py: test_the_rate_follows_its_schedule
   algorithms/test_checklist.py: test_items_5_7_9_and_11_defaults_are_the_papers
12. Padding on the left and positions: a batch of mixed lengths gives the log-probabilities of one row at a time.
   model/test_identity.py: test_branch_on_trunk_equals_the_unsplit_model
   model/test_identity.py: test_a_mixed_length_batch_gives_the_same_logits_as_one_row_at_a_time
   algorithms/test_checklist.py: test_item_12_a_rollout_of_mixed_lengths_is_that_of_one_prompt_at_a_time
13. The tokens that are trained and scored are the tokens that were sampled.
   rollout/test_sampling.py: test_the_tokens_handed_on_are_the_prompts_and_the_sampled_ids
   algorithms/test_checklist.py: test_item_13_trained_and_scored_tokens_are_the_sampled_tokens
"""

import ast
import re
from pathlib import Path

import pytest
import tiny
import torch
from ppo_case import LENGTH, ROWS, by_length, make, whole_logprobs
from torch.testing import assert_close

from topgraft.algorithms.ppo import PPO, Options
from topgraft.model.split_model import SplitModel
from topgraft.rollout.sampling import sample

TESTS = Path(__file__).resolve().parents[1]


def test_every_test_of_the_list_is_there():
    listed: dict[int, list[tuple[str, str]]] = {}
    for line in __doc__.splitlines():
        if item := re.match(r"(\d+)\. ", line):
            named = listed.setdefault(int(item[1]), [])
        elif line.startswith("   "):
            named.append(re.fullmatch(r" {3}(\S+\.py): (test_\w+)", line).groups())
    assert list(listed) == list(range(1, 14))
    for item, named in listed.items():
        assert named, item
        for file, function in named:
            tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
            assert function in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)], (item, function)


def test_item_1_dropout_is_off_in_a_model_that_came_in_training_mode():
    base = tiny.model("gpt2", attn_pdrop=0.5, resid_pdrop=0.5, embd_pdrop=0.5).train()
    made = SplitModel(base, [2, 3], tiny.lora("gpt2"))
    assert not any(module.training for module in base.modules())
    algorithm = PPO(tiny.actors(made, tiny.characters(), score=by_length), Options(), "ppo")
    batch = algorithm.collect(ROWS)
    metrics = algorithm.loss(batch, count=algorithm.count(batch)).metrics
    assert metrics["rollout/logprob_gap"] <= 1e-4
    assert metrics["policy/approx_kl"] == pytest.approx(0, abs=1e-9)


def test_item_4_a_pad_token_that_was_sampled_is_a_token_like_any_other():
    algorithm = make(ends=(tiny.END,))
    batch = algorithm.collect(ROWS * 8)
    ids, counted = batch.tokens.ids_BT, batch.tokens.counted_BT
    pads = (ids == tiny.PAD) & counted
    assert pads.sum() > 1
    ended = ids[torch.arange(len(ids)), batch.tokens.lengths_B - 1] == tiny.END
    assert (counted.sum(1) == LENGTH)[~ended].all()
    assert (batch.extras["old_logprobs_BT"][pads] < 0).all()
    assert (batch.extras["advantages_BT"][pads] != 0).all()
    assert algorithm.count(batch) == float((batch.extras["old_logprobs_BT"] != 0).sum())


def test_items_5_7_9_and_11_defaults_are_the_papers():
    settings = Options()
    assert (settings.optimizer, settings.adam_eps, settings.schedule, settings.warmup) == ("adamw", 1e-5, "linear", 0)
    assert (settings.gamma, settings.lam, settings.clip, settings.value_clip) == (1.0, 0.95, 0.2, 0.2)
    assert (settings.beta, settings.value_weight, settings.missing_end_penalty) == (0.05, 0.1, 1.0)
    assert (settings.kl_penalty, settings.whiten_rewards, settings.whiten_advantages) == ("reward", False, True)


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_item_12_a_rollout_of_mixed_lengths_is_that_of_one_prompt_at_a_time(architecture: str):
    algorithm = make(architecture, temperature=0.8)
    actors = algorithm.actors
    batch = algorithm.collect(ROWS)
    generator = torch.Generator().manual_seed(0)  # as the actors' own
    prompts = [actors.template.encode_prompt(row.prompt) for row in ROWS]
    assert len({len(prompt) for prompt in prompts}) > 3
    for row, prompt in enumerate(prompts):
        with actors.model.slots.use("ppo"):
            alone = sample(actors.model, actors.template, [prompt], actors.sampling, generator)
        length = len(alone.tokens.ids_BT[0])
        assert batch.tokens.ids_BT[row, :length].tolist() == alone.tokens.ids_BT[0].tolist()
        assert int(batch.tokens.lengths_B[row]) == length
        found = batch.extras["old_logprobs_BT"][row, :length]
        assert_close(found, alone.sampled_logprobs_BT[0], atol=1e-5, rtol=0)


def test_item_13_trained_and_scored_tokens_are_the_sampled_tokens(tmp_path: Path):
    scored = []

    def score(prompts, responses, tokens, trunk):
        scored.append(tokens)
        return by_length(prompts, responses, tokens, trunk)

    algorithm = make(score=score)
    actors = algorithm.actors
    prompts = [actors.template.encode_prompt(row.prompt) for row in ROWS]
    with actors.model.slots.use("ppo"):
        drawn = sample(
            actors.model, actors.template, prompts, actors.sampling, torch.Generator().manual_seed(0)
        )  # as the actors' own
    batch = algorithm.collect(ROWS)
    noted = batch.extras["old_logprobs_BT"]  # as each token was drawn
    assert_close(noted, whole_logprobs(algorithm, batch, "ppo", tmp_path, 1.0), atol=1e-4, rtol=0)
    for tokens in (batch.tokens, *scored):
        assert torch.equal(tokens.ids_BT, drawn.tokens.ids_BT)
        assert torch.equal(tokens.counted_BT, drawn.tokens.counted_BT)
    responses = [
        ids[counted].tolist() for ids, counted in zip(drawn.tokens.ids_BT, drawn.tokens.counted_BT, strict=True)
    ]
    assert [actors.template.encode_response(text) for text in drawn.texts] != responses, "their text gives other tokens"
    part = batch.rows(torch.tensor([3, 1])).tokens
    assert [ids[counted].tolist() for ids, counted in zip(part.ids_BT, part.counted_BT, strict=True)] == [
        responses[3],
        responses[1],
    ]
