"""Workers ask and tell at the same time and are killed; nothing told is lost, nothing is asked twice.

ACERANK_STRESS="8,2000,100" (workers, networks, kills) runs it at that size; ACERANK_STRESS_STORAGE is the
storage: journal, sqlite or an address. With an address each worker has a copy of the folder, as on a machine
of its own: then only the storage keeps two of them from asking for one network.
"""

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.campaign_worker import label

from eval.campaign import Campaign

SIZE = os.environ.get("ACERANK_STRESS", "")
WORKERS, NETWORKS, KILLS = map(int, SIZE.split(",")) if SIZE else (3, 40, 3)
WORKER = Path(__file__).parents[2] / "support" / "campaign_worker.py"
RANKER = "random_order" if SIZE else "gaussian_process"  # of thousands, processes take minutes to fit
STORAGES = [os.environ["ACERANK_STRESS_STORAGE"]] if "ACERANK_STRESS_STORAGE" in os.environ else ["journal"]


def run_until(folder: Path, logs: Path, storage: str, rng: np.random.Generator) -> int:
    """Keep workers running until enough networks were told, killing some; return the number of kills."""
    killed, started = 0, 0
    folders = [folder] * WORKERS
    if "://" in storage:
        folders = [shutil.copytree(folder, folder.with_name(f"machine{slot}")) for slot in range(WORKERS)]
    workers: dict[int, subprocess.Popen] = {}
    deadline = time.monotonic() + (5400 if SIZE else 280)
    next_kill = 0.0
    while time.monotonic() < deadline:
        for slot in range(WORKERS):
            if slot not in workers or workers[slot].poll() is not None:
                assert slot not in workers or workers[slot].returncode in (-9, 0), "a worker failed"
                log = logs / f"{slot}-{started}.log"
                command = [sys.executable, str(WORKER), str(folders[slot]), str(log), str(started), "8"]
                workers[slot] = subprocess.Popen(command)
                started += 1
        told = sum(path.read_text().count("told ") for path in logs.glob("*.log"))
        if told >= NETWORKS and killed >= KILLS:
            break
        if killed < KILLS and time.monotonic() > next_kill and told >= NETWORKS * killed / KILLS * 0.9:
            busy = [s for s in workers if (logs / f"{s}-{started}.log").exists() or workers[s].poll() is None]
            victim = workers[busy[rng.integers(len(busy))]]
            victim.kill()
            victim.wait()
            killed += 1
            next_kill = time.monotonic() + rng.uniform(0.2, 2.0)
        time.sleep(0.05)
    for worker in workers.values():
        worker.kill()
        worker.wait()
    return killed


@pytest.mark.timeout(6000 if SIZE else 300)
@pytest.mark.parametrize("storage", STORAGES)
def test_killed_workers(storage, tmp_path):
    folder, logs = tmp_path / "campaign", tmp_path / "logs"
    logs.mkdir()
    Campaign.create(folder, space="proxyless", predictor=RANKER, storage=storage, refit=0.5, seed=1)
    start = time.monotonic()
    killed = run_until(folder, logs, storage, np.random.default_rng(0))
    lines = [line.split() for path in logs.glob("*.log") for line in path.read_text().splitlines()]
    asked = [line[1:] for line in lines if line[0] == "asked" and len(line) == 3]
    told = [line[1] for line in lines if line[0] == "told" and len(line) == 2]
    campaign = Campaign(folder)
    ledger = campaign.read()
    networks = {campaign.id(number): network for number, network in ledger.networks.items()}
    print(  # noqa: T201
        f"{WORKERS} workers, {killed} kills, {len(asked)} asked, {len(told)} told, "
        f"{len(ledger.networks)} in the ledger, {len(ledger.withdrawn)} withdrawn, "
        f"{time.monotonic() - start:.0f} s"
    )
    assert len(told) >= NETWORKS
    assert killed >= KILLS
    arch = dict(asked)
    assert len(arch) == len(asked), "one id was given twice"
    codes = np.stack([campaign.architectures.parse(text) for _, text in asked])
    hashes = Counter(campaign.architectures.hashes(codes).tolist())
    assert max(hashes.values()) == 1, "one network was given twice"
    assert len({network.hash for network in ledger.networks.values()}) == len(ledger.networks)
    for name in told:
        assert networks[name].values == (label(arch[name]),)
    assert campaign.ask(3) is not None
