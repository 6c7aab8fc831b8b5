"""Gaussian process on path statistics: Matérn kernel, noise and scales by marginal likelihood."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.stats import norm, rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.preprocessing import StandardScaler

from data.encode import path_statistics
from data.errors import InputError
from data.graphs import Graphs
from predictors.base import Predictor


class GaussianProcess(Predictor):
    """Posterior mean of a Gaussian process over the normal scores of the label ranks.

    Source: Rasmussen & Williams 2006, chapters 2 and 5. Labels are replaced by the normal quantiles of
    their ranks, because accuracies are far from normal: a few networks do not train at all.
    """

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
        labels = norm.ppf((rankdata(y) - 0.5) / len(y))
        model = GaussianProcessRegressor(kernel, normalize_y=True, random_state=seed)
        if min(self.nu, self.length_scale, self.noise) <= 0:
            raise InputError(f"predictor '{self.name}': nu, length_scale and noise must be positive")
        with warnings.catch_warnings():  # a scale at its bound is a valid fit
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model_ = model.fit(self.scaler_.transform(features), labels)

    def _predict(self, graphs: Graphs) -> np.ndarray:
        return np.asarray(self.model_.predict(self.scaler_.transform(path_statistics(graphs))))
