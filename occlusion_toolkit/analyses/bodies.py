"""The body model that a card names."""

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY, load_open_body
from occlusion_toolkit.errors import BodyModelError


def load_body(topology: str) -> BodyModel:
    """The body of a topology id.

    Raises:
        BodyModelError: this version of the toolkit has no reader for that body.
    """
    if topology == OPEN_BODY_TOPOLOGY:
        return load_open_body()
    raise BodyModelError(
        f"the model predicts parameters of body {topology!r}, which this version cannot read yet; "
        f"use a model of {OPEN_BODY_TOPOLOGY!r}: pare-open, hmr-synthocc-open or hmr-open"
    )
