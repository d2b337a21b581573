"""Maps compared within what float32 and the order of additions leave open."""

import numpy as np
import xarray as xr


def assert_close(maps: xr.Dataset, expected: xr.Dataset) -> None:
    """The same variables, within 1e-2 mm, 1e-5 m and 1e-5 of parameters."""
    assert set(maps) == set(expected)
    for name, values in maps.items():
        atol = 1e-2 if values.attrs.get("units") == "mm" else 1e-5
        np.testing.assert_allclose(values, expected[name], atol=atol, rtol=0, err_msg=str(name))
