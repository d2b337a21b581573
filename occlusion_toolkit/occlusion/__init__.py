"""Occluders over windows, windows over crops, and the engine that runs a regressor on all of them.

`grid` and `occluders` say where and what; `sweep.OcclusionSweep` is the engine and `result.SweepResult`
what it returns.
"""
