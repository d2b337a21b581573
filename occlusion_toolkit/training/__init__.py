"""Training of regressors on cached crops with ground truth."""
