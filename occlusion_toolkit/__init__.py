"""Occlusion-sensitivity analysis for 3D human pose and shape regressors, after PARE (ICCV 2021)."""

__version__ = "0.1.0"
