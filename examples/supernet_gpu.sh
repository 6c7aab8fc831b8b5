#!/usr/bin/env bash
# On a machine with a GPU, in less than ten minutes: the published NAS-Bench-201 network on CIFAR-10, trained by
# single-path sampling (SPOS) and by ours (fair sampling, learning rate by complexity); Kendall tau of 400
# networks, and architectures scored a second. Unmeasured so far: written without a GPU at hand.
#
#     ACERANK_DATA=folder/of/tables examples/supernet_gpu.sh [OUT]
set -euo pipefail
OUT=${1:-supernet_gpu}
train() {
    python -m predictors.supernet train --space nb201 --images cifar10 --valid-images 10000 --batch 256 \
        --warmup 0.03 --weight-decay 0.0005 --amp --device cuda "$@"
}
# As many forward and backward passes for each: a fair step has five architectures.
time train --sampling uniform --epochs 20 --lr 0.1 --out "$OUT/spos"
time train --sampling fair --epochs 4 --lr 0.25 --decay 3 --out "$OUT/ours"
for name in spos ours; do
    time python -m predictors.supernet score --supernet "$OUT/$name/supernet.safetensors" --n 400 --amp \
        --device cuda --out "$OUT/$name/scores"
    python - "$OUT/$name/scores/weak.parquet" <<'PY'
import sys

from scipy.stats import kendalltau

from benchmarks import load
from data.table import Table

scores, bench = Table.read(sys.argv[1]), load("nb201")
place = {arch: i for i, arch in enumerate(bench.table.column("arch").to_pylist())}
rows = [place[arch] for arch in scores.column("arch").to_pylist()]
truth = bench.table.values("cifar10_test_acc")[rows]
for column, sign in (("supernet_acc", 1), ("supernet_loss", -1)):
    print(f"{sys.argv[1]} {column}: tau {kendalltau(sign * scores.values(column), truth)[0]:.3f}")
PY
done
