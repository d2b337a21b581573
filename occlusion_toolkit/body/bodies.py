"""The body models that cards, data sets and stored results name."""

from pathlib import Path

from occlusion_toolkit.body.arrays import SMPL_TOPOLOGY, Gender
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY, load_open_body
from occlusion_toolkit.body.smpl_files import find_smpl_files, read_smpl
from occlusion_toolkit.errors import BodyModelError
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.files.trust import TrustedFiles


class Bodies:
    """Body models by topology and gender, each read once.

    A body is shared by everybody who loads it: copy it (`copy.deepcopy`) before moving it to a device
    or to another type of number.

    Args:
        smpl_dir: folder of the official SMPL files (docs/smpl.md); None stands for the folder `smpl` in
            the toolkit's home. Nothing is read before a body is asked for.
        trusted: files that may be opened although they ask for foreign code.
    """

    def __init__(self, smpl_dir: Path | None = None, trusted: TrustedFiles | None = None) -> None:
        self.smpl_dir = toolkit_home() / "smpl" if smpl_dir is None else smpl_dir
        self.trusted = trusted or TrustedFiles()
        self._loaded: dict[tuple[str, Gender], BodyModel] = {}

    def __getstate__(self) -> dict[str, object]:
        """Without what was read: other processes read their own."""
        return {**self.__dict__, "_loaded": {}}

    def load(self, topology: str, gender: Gender = "neutral") -> BodyModel:
        """The body of a topology id, on the CPU.

        Args:
            topology: what cards call `body`.
            gender: which of SMPL's bodies; regressors predict betas of the neutral one, the ground truth
                of 3DPW is male or female. The open body has no gender and stands for all three.

        Raises:
            BodyModelError: no body has that id, or the files of the body are missing or not usable; the
                message says where to get them and where to put them.
            UnsafeFileError: a file of the body asks for code.
        """
        if topology == OPEN_BODY_TOPOLOGY:
            gender = "neutral"
        key = (topology, gender)
        if key not in self._loaded:
            self._loaded[key] = self._read(topology, gender)
        return self._loaded[key]

    def _read(self, topology: str, gender: Gender) -> BodyModel:
        if topology == OPEN_BODY_TOPOLOGY:
            return load_open_body()
        if topology == SMPL_TOPOLOGY:
            return BodyModel(read_smpl(find_smpl_files(self.smpl_dir), gender, self.trusted))
        raise BodyModelError(
            f"there is no reader for the body {topology!r}; the bodies are {OPEN_BODY_TOPOLOGY!r} and "
            f"{SMPL_TOPOLOGY!r}"
        )


def load_body(name: str = "open", *, gender: Gender = "neutral", smpl_dir: Path | None = None) -> BodyModel:
    """A body model that turns pose and shape into joints and vertices.

    Args:
        name: "open" for the free body that comes with the toolkit, "smpl", or a topology id of a card.
        gender: which of SMPL's bodies; the open body has no gender.
        smpl_dir: folder of SMPL's files; None for the folder `smpl` in the toolkit's home.

    Raises:
        BodyModelError: no body has that name, or its files are missing or not usable.

    Example:
        >>> load_body("open").num_vertices
        6000
    """
    topology = {"open": OPEN_BODY_TOPOLOGY, "smpl": SMPL_TOPOLOGY}.get(name, name)
    return Bodies(smpl_dir).load(topology, gender)
