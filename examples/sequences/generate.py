"""Makes the example's data: a pump that starts 400 times, watched by four sensors. Nothing in it is measured.

    python examples/sequences/generate.py

A start lasts 100 seconds. Each of three faults shows itself in one sensor, in one span of time, and nowhere else:

    slow run-up    current      steps 11-20   the inrush current takes longer to fall
    cavitation     pressure     steps 41-60   the pressure sags and flutters
    bearing        vibration    steps 71-80   bursts, once the machine is warm

Two things happen in starts of every kind and mean nothing: a shake while the pump passes its critical speed
(vibration, steps 11-20) and a dip of the pressure when a valve switches (pressure, steps 81-90). Without them a model
could look for anything unusual anywhere; with them it has to look at the right time.
"""

import hashlib
from pathlib import Path
from typing import Final

import numpy as np

HERE: Final = Path(__file__).parent
SEED: Final = 20261123
STARTS: Final = 400
STEPS: Final = 100
FAULTS: Final = ("none", "slow run-up", "cavitation", "bearing")
CHANNELS: Final = ("vibration", "temperature", "current", "pressure")
DIGITS: Final = 2


def main() -> None:
    """Writes series.npz and prints its hash."""
    rng = np.random.default_rng(SEED)
    kinds = rng.permutation(np.repeat(FAULTS, STARTS // len(FAULTS)))
    series = np.stack([start(str(kind), rng) for kind in kinds]).round(DIGITS).astype(np.float32)
    ids = np.array([f"start-{i:03d}" for i in range(STARTS)])
    path = HERE / "series.npz"
    np.savez_compressed(path, series=series, fault=kinds, start=ids)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"wrote {path.name}, {STARTS} starts of {STEPS} steps, {path.stat().st_size:,} bytes, sha256 {digest}")


def start(kind: str, rng: np.random.Generator) -> np.ndarray:
    """One start of the pump, (STEPS, CHANNELS), in mm/s, °C, A and bar."""
    t = np.arange(STEPS, dtype=np.float64)
    speed = 1 - np.exp(-t / rng.uniform(5, 7))
    load = rng.uniform(0.9, 1.1)

    vibration = 1.2 * speed * load + rng.normal(0, 0.15, STEPS)
    vibration += rng.uniform(0.5, 2.5) * bump(t, rng.uniform(13, 16), 2)
    temperature = rng.uniform(17, 23) + 28 * load * (1 - np.exp(-t / 45)) + rng.normal(0, 0.3, STEPS)
    current = 8 * load + 30 * np.exp(-t / rng.uniform(2.5, 3.5)) + rng.normal(0, 0.4, STEPS)
    pressure = 4 * speed**2 * load + rng.normal(0, 0.06, STEPS)
    pressure -= rng.uniform(0, 1.2) * bump(t, rng.uniform(83, 87), 2)

    if kind == "slow run-up":
        current += rng.uniform(3, 8) * bump(t, rng.uniform(13.5, 16.5), 2)
    elif kind == "cavitation":
        sag = within(t, 40, 60)
        pressure += sag * (-rng.uniform(0.3, 0.8) + rng.normal(0, 0.15, STEPS))
    elif kind == "bearing":
        bursts = within(t, 70, 80) * rng.integers(0, 2, STEPS)
        vibration += bursts * rng.uniform(0.8, 2.5, STEPS)
    return np.stack([np.abs(vibration), temperature, current, pressure], axis=1)


def bump(t: np.ndarray, centre: float, width: float) -> np.ndarray:
    """A smooth rise and fall of height 1."""
    return np.asarray(np.exp(-0.5 * ((t - centre) / width) ** 2))


def within(t: np.ndarray, first: int, end: int) -> np.ndarray:
    """1 from one step to before another, 0 elsewhere."""
    return ((t >= first) & (t < end)).astype(np.float64)


if __name__ == "__main__":
    main()
