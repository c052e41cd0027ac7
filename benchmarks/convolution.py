"""Train the same convolutional autoencoder with isthmus and with PyTorch; print milliseconds a step and their ratio.

python benchmarks/convolution.py --rows 6400 --processes 3

Images of 1 x 28 x 28, convolutions of 3 x 3 with stride 2 and half padding, a linear code of 32, the same way back;
squared error, Adam, batches of 128. Every figure is the least of the warm fits of fresh processes, which take turns,
so that a busy minute hits all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from typing import Any

import numpy as np

from measuring import machine

BATCH, CODE, CHANNELS, SIDE, RATE = 128, 32, (16, 32), 28, 1e-3
ABSENT = 3  # exit status: the peer is not installed


def isthmus(x: np.ndarray, epochs: int) -> None:
    from isthmus import Autoencoder

    Autoencoder(
        CODE,
        encoder=f"conv({CHANNELS}, kernel=3, stride=2, shape=(1, {SIDE}, {SIDE}))",
        scaling="none",
        optimizer=f"adam({RATE})",
        batch_size=BATCH,
        max_epochs=epochs,
        stops=(),
        validation_fraction=0.0,
    ).fit(x)


def pytorch(x: np.ndarray, epochs: int, is_last: bool = False) -> None:
    import torch
    from torch import nn

    torch.set_num_threads(2)
    form = torch.channels_last if is_last else torch.contiguous_format
    wide, small = CHANNELS[1], SIDE // 4
    network = nn.Sequential(
        *(nn.Conv2d(1, CHANNELS[0], 3, 2, 1), nn.ReLU(), nn.Conv2d(CHANNELS[0], wide, 3, 2, 1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(wide * small**2, CODE), nn.Linear(CODE, wide * small**2), nn.ReLU()),
        *(nn.Unflatten(1, (wide, small, small)), nn.ConvTranspose2d(wide, CHANNELS[0], 3, 2, 1, output_padding=1)),
        *(nn.ReLU(), nn.ConvTranspose2d(CHANNELS[0], 1, 3, 2, 1, output_padding=1)),
    ).to(memory_format=form)
    rows = torch.from_numpy(x).reshape(-1, 1, SIDE, SIDE).to(memory_format=form)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    for _ in range(epochs):
        for index in torch.randperm(len(rows)).split(BATCH):
            batch = rows[index]
            loss = torch.nn.functional.mse_loss(network(batch), batch, reduction="sum") / len(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def pytorch_last(x: np.ndarray, epochs: int) -> None:
    pytorch(x, epochs, is_last=True)


PEERS = {"isthmus": isthmus, "pytorch, 2 threads": pytorch, "pytorch, 2 threads, channels last": pytorch_last}


def one(peer: str, rows: int, repeats: int) -> int:
    """Print the seconds of a first fit and the milliseconds a step of the fastest later one, as a line of JSON."""
    x = np.random.default_rng(0).random(size=(rows, SIDE * SIDE), dtype=np.float32)
    seconds = []
    try:
        for _ in range(1 + repeats):
            begin = time.perf_counter()
            PEERS[peer](x, 2)
            seconds.append(time.perf_counter() - begin)
    except ImportError as error:
        print(error, file=sys.stderr)
        return ABSENT
    print(json.dumps([seconds[0], 1e3 * min(seconds[1:]) / (2 * -(-rows // BATCH))]))
    return 0


def child(arguments: list[str]) -> Any:
    """Return what this script prints with other arguments in a process of its own; None where a peer is missing."""
    done = subprocess.run(  # noqa: S603 -- this very script
        [sys.executable, __file__, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode == ABSENT:
        return None
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=6400)
    parser.add_argument("--processes", type=int, default=3, help="fresh processes for each figure; least counts")
    parser.add_argument("--repeats", type=int, default=3, help="warm fits in each process; the least counts")
    parser.add_argument("--one", choices=PEERS, help="measure one, print one line of JSON")
    options = parser.parse_args()
    if options.one:
        return one(options.one, options.rows, options.repeats)
    print(f"{machine()}\n")
    found: dict[str, list[Any]] = {peer: [] for peer in PEERS}
    for _ in range(options.processes):
        for peer, runs in found.items():
            runs.append(child(["--one", peer, "--rows", str(options.rows), "--repeats", str(options.repeats)]))
    best = {
        peer: [min(figures) for figures in zip(*runs, strict=True)] for peer, runs in found.items() if None not in runs
    }
    print("| peer | first fit s | ms/step | / isthmus |\n| --- | ---: | ---: | ---: |")
    for peer, (first, step) in best.items():
        print(f"| {peer} | {first:.2f} | {step:.2f} | {step / best['isthmus'][1]:.2f} |")
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
