"""Two processes with DistributedDataParallel train as one process that averages their gradients, bit for bit."""

from pathlib import Path

import torch
from torch import distributed, multiprocessing, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from hbfp.torch import HBFP, convert, keep_wide

RANKS, STEPS = 2, 3


def start():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    run = convert(model, "booster", HBFP(block_size=16), epochs=2, seed=3)
    run.attach(optimizer)
    keep_wide(model, optimizer)
    return model, optimizer, run


def batch(step, rank):
    generator = torch.Generator().manual_seed(10 * step + rank)
    return torch.randn(4, 1, 4, 4, generator=generator), torch.randint(3, (4,), generator=generator)


def backward(model, step, rank):
    x, y = batch(step, rank)
    functional.cross_entropy(model(x), y).backward()


def work(rank, folder):
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=RANKS)
    model, optimizer, run = start()
    parallel = DistributedDataParallel(model)
    for step in range(STEPS):
        run.epoch = step // 2
        optimizer.zero_grad()
        backward(parallel, step, rank)
        optimizer.step()
    torch.save(model.state_dict(), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def one_process():
    """The same, each rank's gradients by a model of its own."""
    trainings = [start() for _ in range(RANKS)]
    for step in range(STEPS):
        for rank, (model, optimizer, run) in enumerate(trainings):
            run.epoch = step // 2
            optimizer.zero_grad()
            backward(model, step, rank)
        for parameters in zip(*(model.parameters() for model, *_ in trainings), strict=True):
            mean = sum(parameter.grad / RANKS for parameter in parameters)
            for parameter in parameters:
                parameter.grad = mean.clone()
        for _, optimizer, _ in trainings:
            optimizer.step()
    return trainings[0][0].state_dict()


def test_two_processes_end_with_the_weights_of_one(tmp_path: Path):
    multiprocessing.spawn(work, (str(tmp_path),), RANKS)
    states = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(RANKS)]
    expected = one_process()
    for name, weight in expected.items():
        for state in states:
            assert torch.equal(state[name], weight), name
