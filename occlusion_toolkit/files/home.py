"""The folder for files that users bring: fetched weights, their cards, SMPL and data sets."""

import os
from pathlib import Path

import platformdirs

HOME_VARIABLE = "OCCLUSION_TOOLKIT_HOME"
"""Environment variable that names the folder."""


def toolkit_home() -> Path:
    """The folder for files that users bring; it need not exist.

    `$OCCLUSION_TOOLKIT_HOME`, else `occlusion-toolkit` in the user's data directory: on Linux
    `~/.local/share`, on macOS `~/Library/Application Support`, on Windows `%LOCALAPPDATA%`.

    Sub-folders: `weights/` network weights, as published or imported; `cards/` model cards that
    `--model NAME` finds beside the shipped ones; `smpl/` SMPL's files; `data/` data sets.
    """
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    return platformdirs.user_data_path("occlusion-toolkit", appauthor=False)
