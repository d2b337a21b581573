"""Every error the toolkit raises on purpose: what was wrong, where, and what to do about it.

The command line turns these into one line and exit code 1; words that cannot be parsed are click's business
and end with 2. Library users catch `OcclusionToolkitError` for all of them or a subclass for one kind.
"""


class OcclusionToolkitError(Exception):
    """Base of all errors raised on purpose.

    Example:
        >>> import occlusion_toolkit as ot
        >>> try:
        ...     ot.load_regressor("pare-opne")
        ... except ot.OcclusionToolkitError as error:
        ...     print(error)
        No model is called 'pare-opne'. Did you mean pare-open? ...
    """


class UsageError(OcclusionToolkitError):
    """An argument has a value that can never work, such as the name of an unknown joint."""


class ImageError(OcclusionToolkitError):
    """A file is not a readable image, or an image cannot be used."""


class CropError(OcclusionToolkitError):
    """A person box is empty, outside the image or not a box."""


class GridError(OcclusionToolkitError):
    """A window grid cannot be laid over the crop: stride, size and crop do not fit."""


class OccluderError(OcclusionToolkitError):
    """An occluder specification is unknown or its picture cannot be used."""


class UnsafeFileError(OcclusionToolkitError):
    """A file asks for code or classes outside the allow-list, so it was not opened."""


class CheckpointError(OcclusionToolkitError):
    """A checkpoint is unreadable or its tensors are not those of the network."""


class ModelCardError(OcclusionToolkitError):
    """A regressor card is missing, malformed or contradicts its weights."""


class BodyModelError(OcclusionToolkitError):
    """A body model file is missing, malformed or incomplete."""


class TopologyError(OcclusionToolkitError):
    """Arrays or parameters of one body were combined with another body."""


class DatasetError(OcclusionToolkitError):
    """A data set is missing or malformed; the message lists every problem found."""


class GroundTruthError(OcclusionToolkitError):
    """Ground truth is missing, malformed or not finite."""


class SweepError(OcclusionToolkitError):
    """A sweep cannot go on: the network gives no finite numbers, or not one crop fits into memory."""


class ResultError(OcclusionToolkitError):
    """A stored result is unreadable, incomplete or of another kind."""


class DamagedError(ResultError):
    """A stored result is not what was written: it was cut off, changed or emptied."""


class RunError(OcclusionToolkitError):
    """A long run cannot start or go on: its folder is in use, or a worker or its cluster is gone."""


class RenderingError(OcclusionToolkitError):
    """A renderer or its driver is not available."""


class TrainingError(OcclusionToolkitError):
    """Training cannot start or cannot go on."""
