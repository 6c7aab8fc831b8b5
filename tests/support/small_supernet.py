"""What the tests of supernets share: a tiny job on digits."""

from __future__ import annotations

from data.spaces.edges import NB201
from predictors.supernet.architectures import sample_distinct
from predictors.supernet.edges import EdgeSettings
from predictors.supernet.images import ImageSettings
from predictors.supernet.job import TrainJob
from predictors.supernet.recipe import Recipe

DIGITS = ImageSettings("digits", train=400, valid=200)
SIZE = EdgeSettings((8,), depth=1)
QUICK = Recipe(epochs=2, batch=50, lr=0.1, crop=0, flip=False)
JOB = TrainJob("nb201", SIZE, DIGITS, QUICK)
CODES = sample_distinct(NB201, 6, 0)
