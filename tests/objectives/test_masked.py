"""Law: sums and whitening see the counted entries only, and cutting a minibatch changes nothing."""

import math

import pytest
import torch
from torch.testing import assert_close

from topgraft.objectives.masked import masked_mean, masked_sum, masked_variance, whiten

VALUES = torch.tensor([[1.0, 2.0, 99.0], [4.0, 5.0, 6.0]], dtype=torch.float64)
COUNTED = torch.tensor([[True, True, False], [False, True, True]])


def random_case(rows: int = 8, width: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    values = torch.randn(rows, width, generator=generator, dtype=torch.float64)
    counted = torch.rand(rows, width, generator=generator) < 0.6
    return values, counted


def test_masked_mean_of_a_hand_example_is_3_5():
    assert_close(masked_mean(VALUES, COUNTED), torch.tensor(3.5, dtype=torch.float64))


def test_masked_variance_of_a_hand_example_is_biased():
    # values 1, 2, 5, 6 around 3.5: (6.25 + 2.25 + 2.25 + 6.25) / 4
    assert_close(masked_variance(VALUES, COUNTED), torch.tensor(4.25, dtype=torch.float64))


def test_masked_sum_leaves_out_what_is_not_counted():
    assert_close(masked_sum(VALUES, COUNTED), torch.tensor(14.0, dtype=torch.float64))


def test_masked_mean_of_nothing_is_zero():
    assert masked_mean(VALUES, torch.zeros_like(COUNTED)) == 0


def test_masked_mean_divides_by_the_count_it_is_given():
    assert_close(masked_mean(VALUES, COUNTED, 7), torch.tensor(2.0, dtype=torch.float64))


@pytest.mark.parametrize("keep_mean", [False, True])
def test_whiten_of_a_hand_example(keep_mean: bool):
    white = whiten(VALUES, COUNTED, keep_mean=keep_mean)
    scale = 1 / math.sqrt(4.25 + 1e-8)
    mean = 3.5 if keep_mean else 0.0
    expected = [
        [-2.5 * scale + mean, -1.5 * scale + mean, 0.0],
        [0.0, 1.5 * scale + mean, 2.5 * scale + mean],
    ]
    assert_close(white, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("keep_mean", [False, True])
def test_whiten_agrees_with_plain_loops(keep_mean: bool):
    values, counted = random_case()
    kept = [
        v
        for row, mask in zip(values.tolist(), counted.tolist(), strict=True)
        for v, m in zip(row, mask, strict=True)
        if m
    ]
    mean = sum(kept) / len(kept)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in kept) / len(kept) + 1e-8)
    expected = [
        [(v - mean) / deviation + (mean if keep_mean else 0) if m else 0.0 for v, m in zip(row, mask, strict=True)]
        for row, mask in zip(values.tolist(), counted.tolist(), strict=True)
    ]
    assert_close(whiten(values, counted, keep_mean=keep_mean), torch.tensor(expected, dtype=torch.float64))


def test_whitened_values_have_mean_0_and_biased_variance_1():
    values, counted = random_case()
    white = whiten(values, counted)
    assert_close(masked_mean(white, counted), torch.tensor(0.0, dtype=torch.float64), atol=1e-12, rtol=0)
    assert_close(masked_variance(white, counted), torch.tensor(1.0, dtype=torch.float64), atol=1e-7, rtol=0)


def test_whitening_a_constant_gives_zeros():
    assert_close(whiten(torch.full((2, 3), 5.0), COUNTED), torch.zeros(2, 3))


def test_whitening_does_not_change_when_a_constant_is_added():
    values, counted = random_case()
    assert_close(whiten(values + 7, counted), whiten(values, counted))


@pytest.mark.parametrize("function", [masked_sum, masked_mean, masked_variance, whiten])
def test_nan_in_padding_does_not_leak(function):
    poisoned = torch.where(COUNTED, VALUES, float("nan"))
    assert_close(function(poisoned, COUNTED), function(VALUES, COUNTED))


@pytest.mark.parametrize("function", [masked_sum, masked_mean, masked_variance, whiten])
def test_more_padding_changes_nothing(function):
    values, counted = random_case()
    wide = torch.cat([values, torch.full((8, 3), 50.0, dtype=torch.float64)], dim=1)
    mask = torch.cat([counted, torch.zeros(8, 3, dtype=torch.bool)], dim=1)
    found = function(wide, mask)
    assert_close(found[:, :7] if found.dim() else found, function(values, counted))


@pytest.mark.parametrize("size", [1, 2, 8])
def test_micro_batches_add_up_to_the_gradient_of_the_whole_mean(size: int):
    values, counted = random_case()
    whole = values.clone().requires_grad_()
    masked_mean(whole.square(), counted).backward()
    parts = values.clone().requires_grad_()
    for index in torch.arange(8).split(size):
        masked_mean(parts[index].square(), counted[index], counted.sum()).backward()
    assert_close(parts.grad, whole.grad)


def test_the_gradient_is_zero_where_nothing_is_counted_even_beside_nan():
    values = torch.where(COUNTED, VALUES, float("nan")).requires_grad_()
    masked_mean(values, COUNTED).backward()
    assert_close(values.grad, COUNTED.double() / 4)
