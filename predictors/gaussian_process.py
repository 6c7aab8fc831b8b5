"""Gaussian process on path statistics: Matérn kernel, noise and scales by marginal likelihood."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.preprocessing import StandardScaler

from data.encode import path_statistics
from data.errors import InputError
from data.graphs import Graphs
from predictors.base import Predictor, ScoresAndStd


class GaussianProcess(Predictor):
    """Posterior mean of a Gaussian process over the normal scores of the label ranks.

    Source: Rasmussen & Williams 2006, chapters 2 and 5. Labels are replaced by the normal quantiles of
    their ranks, because accuracies are far from normal: a few networks do not train at all. The predictive
    deviation includes the fitted noise.
    """

    has_std: ClassVar[bool] = True
    normal_labels: ClassVar[bool] = True

    def __init__(self, *, nu: float = 1.5, length_scale: float = 5.0, noise: float = 0.1) -> None:
        """Store the hyper-parameters.

        Hyper-parameters:
            nu: Smoothness of the Matérn kernel.
            length_scale: Length scale at which the fit starts.
            noise: Noise variance at which the fit starts.
        """
        self.nu = nu
        self.length_scale = length_scale
        self.noise = noise

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        features = path_statistics(graphs)
        self.scaler_ = StandardScaler().fit(features)
        kernel = ConstantKernel() * Matern(self.length_scale, (1e-1, 1e3), self.nu)
        kernel += WhiteKernel(self.noise, (1e-4, 1e1))
        model = GaussianProcessRegressor(kernel, normalize_y=True, random_state=seed)
        if min(self.nu, self.length_scale, self.noise) <= 0:
            raise InputError(f"predictor '{self.name}': nu, length_scale and noise must be positive")
        with warnings.catch_warnings():  # a scale at its bound is a valid fit
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model_ = model.fit(self.scaler_.transform(features), y)

    def _predict(self, graphs: Graphs) -> np.ndarray:
        return np.asarray(self.model_.predict(self.scaler_.transform(path_statistics(graphs))))

    def _predict_std(self, graphs: Graphs) -> ScoresAndStd:
        features = self.scaler_.transform(path_statistics(graphs))
        mean, std = self.model_.predict(features, return_std=True)
        return np.asarray(mean), np.asarray(std)
