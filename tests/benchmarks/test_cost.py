"""Law: the cost model counts what a hand counts. Two blocks of width 4, one trained, two rows of 3 + 2 tokens."""

from dataclasses import replace

import pytest

from benchmarks.cost import Base, Device, Work, adapters, cost

BASE = Base(layers=2, width=4, feed_forward=8, kv_width=2, vocabulary=10, tied=True, bytes_each=4)
WORK = Work(sequences=2, prompt=3, response=2, inner_epochs=1, trained=1)
DEVICE = Device(flops=1e3, reads=1e3, link=1e2, latency=0.5, holds=1e9, hour=1.0)


def test_weights():
    assert BASE.block == 4 * 4 + 4 * 2 + 4 * 2 + 4 * 4 + 3 * 4 * 8 == 144
    assert BASE.weights == 2 * 144 + 10 * 4 == 328
    assert replace(BASE, tied=False).weights == 368
    assert adapters(BASE, WORK) == 16 * ((4 + 4) + (4 + 2) + (8 + 4)) == 416


def test_one_device_sends_nothing():
    found = cost(BASE, WORK, DEVICE, 1, sharded=False)
    step = 4 * 328 / 1e3 + 2 * (3 + 1) * 32 / 1e3  # the weights once, and keys and values of half of the response
    assert found.decode == pytest.approx(2 * step + 2 * 2 * 3 * 288 / 1e3)
    assert found.read == pytest.approx(2 * 2 * 10 * 144 / 1e3 + 2 * 4 * 40 / 1e3)
    assert found.update == pytest.approx(4 * 10 * 144 / 1e3 + 3 * 2 * 4 * 40 / 1e3)
    assert found.seconds == pytest.approx(found.decode + found.read + found.update)
    assert (found.traffic, found.base) == (0, 4 * 328)


def test_two_devices_send_the_gradients_of_what_learns():
    found = cost(BASE, WORK, DEVICE, 2, sharded=False)
    assert found.decode == pytest.approx(2 * (4 * 328 + 4 * 32) / 1e3 + 2 * 3 * 288 / 1e3)
    assert found.traffic == 4 * 416
    computed = 4 * 5 * 144 / 1e3 + 3 * 2 * 2 * 40 / 1e3  # half of the rows
    assert found.update == pytest.approx(computed + 4 * 416 / 1e2 + 11 * 0.5)
    assert found.base == 4 * 328


def test_in_shares_every_pass_gathers_the_blocks():
    found, whole = (cost(BASE, WORK, DEVICE, 2, sharded=sharded) for sharded in (True, False))
    gather = 4 * 288 / 2 / 1e2 + 2 * 0.5
    assert found.decode == pytest.approx(whole.decode + 3 * gather)  # two tokens, and the prompts
    assert found.read == pytest.approx(whole.read + 1 * gather)  # reference and reward, half of the blocks each
    assert found.update == pytest.approx(whole.update + 1 * gather)  # forward and backward
    assert found.traffic == whole.traffic + 5 * 4 * 288 / 2
    assert found.base == 4 * (40 + 288 / 2 + 144)  # the matrix, half of the blocks, one of them whole


def test_a_device_that_computes_slowly_is_not_held_up_by_its_memory():
    slow = replace(DEVICE, reads=1e9)
    assert cost(BASE, WORK, slow, 1, sharded=False).decode == pytest.approx(2 * 2 * 2 * 328 / 1e3 + 3.456)
