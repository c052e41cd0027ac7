"""The 8-3-8 encoder: eight rows with a single one, through three sigmoid units and back.

    python eight_three_eight.py [--seeds 10]

Three units have room for eight binary codes. A network that recovers the rows need not find them, since units may
also stand in between. With weight decay it does: at the corners of a cube, small weights tell the rows apart. Prints
the activations of the first seed both ways, and with how many seeds each holds.
"""

from __future__ import annotations

import argparse

import numpy as np

from isthmus import Autoencoder

ROWS = np.eye(8)


def encoder(decay: float, seed: int) -> Autoencoder:
    """Return the network, trained: 8 inputs, 3 sigmoid units, 8 sigmoid outputs with the log-loss of a bit each."""
    return Autoencoder(
        "deterministic(3, activation=sigmoid)",
        encoder=(),
        decoder=(),
        likelihood="bernoulli",
        penalties=f"weight_decay({decay})",
        scaling=None,
        optimizer="adam(0.1)",
        max_epochs=1000,
        stops=(),
        random_state=seed,
    ).fit(ROWS)


def bits(row: np.ndarray) -> str:
    return "".join(str(int(bit)) for bit in np.rint(row))


def show(hidden: np.ndarray, output: np.ndarray) -> None:
    """Print the table of activations, with the codes that they round to."""
    print("  input      hidden values    code   output")
    for row, values, again in zip(ROWS, hidden, output, strict=True):
        print(f"  {bits(row)}   {'  '.join(f'{value:.2f}' for value in values)}   {bits(values)}    {bits(again)}")


def main() -> None:
    parser = argparse.ArgumentParser(description="The 8-3-8 encoder.")
    parser.add_argument("--seeds", default=10, type=int, help="how many to try")
    seeds = range(parser.parse_args().seeds)
    for name, decay in (("Without weight decay", 0.0), ("With weight decay", 1e-3)):
        networks = [encoder(decay, seed) for seed in seeds]
        hidden = [network.transform(ROWS) for network in networks]
        output = [network.reconstruct(ROWS) for network in networks]
        codes = [len({bits(values) for values in each}) for each in hidden]
        recovered = sum((np.rint(each) == ROWS).all() for each in output)
        print(f"{name}, seed 0:")
        show(hidden[0], output[0])
        print(f"  different binary codes among the eight: {codes[0]}")
        print(f"  with {recovered} of {len(seeds)} seeds all rows are recovered, with {codes.count(8)} by eight codes")


if __name__ == "__main__":
    main()
