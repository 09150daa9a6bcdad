"""How long a device takes for something: what the programs beside this file measure with."""

import statistics
import time

import torch


def seconds_of(work, device, repeats=10):
    """The median of so many calls, each until the device has done it, after three that are not counted."""
    spent = []
    for call in range(3 + repeats):
        wait_for(device)
        begin = time.perf_counter()
        work()
        wait_for(device)
        if call >= 3:
            spent.append(time.perf_counter() - begin)
    return statistics.median(spent)


def wait_for(device):
    if device != "cpu":
        torch.cuda.synchronize()
