"""Protocol cards and other settings inside result files: as JSON in attributes, checked when read."""

from typing import TypeVar

import h5py
from pydantic import BaseModel, ValidationError

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.hdf5 import read_attribute
from occlusion_toolkit.sweep.protocol import ProtocolCard

_Model = TypeVar("_Model", bound=BaseModel)


def write_card(file: h5py.File, card: ProtocolCard) -> None:
    """Stores a protocol card and its hash."""
    file.attrs.update(protocol=card.canonical_json(), protocol_hash=card.hash)


def read_card(file: h5py.File) -> ProtocolCard:
    """The protocol card of a result file.

    Raises:
        ResultError: there is none, it is malformed, or it was changed after the file was written.
    """
    card = read_model(file, "protocol", ProtocolCard)
    if card.hash != read_attribute(file, "protocol_hash", str):
        raise ResultError("its protocol card was changed after it was written")
    return card


def read_model(file: h5py.File, attribute: str, model: type[_Model]) -> _Model:
    """A pydantic model from an attribute that holds its JSON.

    Raises:
        ResultError: the attribute is missing or does not fit the model.
    """
    try:
        return model.model_validate_json(read_attribute(file, attribute, str))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ResultError(f"its {attribute} is malformed ({place}: {first['msg']})") from error
