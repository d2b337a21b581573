"""The options that choose a body, `--body` and `--smpl-dir`, and `--trust-file` for all files read."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import rich_click as click

from occlusion_toolkit.cli.trust_option import trust_option, trusted_files

if TYPE_CHECKING:
    from occlusion_toolkit.body.bodies import Bodies
    from occlusion_toolkit.models.cards import RegressorCard

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class BodyOptions:
    """Values of the options, as given.

    Attributes:
        name: the body that is meant; None leaves it to the models' cards.
        smpl_dir: folder of SMPL's files; None stands for the one in the toolkit's home.
    """

    name: Literal["open", "smpl"] | None
    smpl_dir: Path | None

    def bodies(self, *cards: RegressorCard) -> Bodies:
        """The bodies that can be loaded, once it is certain that the models' are among those meant.

        Args:
            cards: the models.

        Raises:
            TopologyError: a model predicts parameters of another body than `--body` names.
        """
        from occlusion_toolkit.body.arrays import SMPL_TOPOLOGY
        from occlusion_toolkit.body.bodies import Bodies
        from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
        from occlusion_toolkit.errors import TopologyError

        if self.name is not None:
            meant = {"open": OPEN_BODY_TOPOLOGY, "smpl": SMPL_TOPOLOGY}[self.name]
            for card in cards:
                if card.body != meant:
                    raise TopologyError(
                        f"{card.name} predicts parameters of the body {card.body!r}, but --body {self.name} "
                        f"is {meant!r}, on which they mean nothing; leave --body out, or use a model of "
                        f"{meant!r}"
                    )
        return Bodies(self.smpl_dir, trusted_files())


def body_options(command: _Command) -> _Command:
    """Adds the options; those of the body arrive as the argument `body`, the other by `trusted_files`."""

    @click.option(
        "--body",
        type=click.Choice(["open", "smpl"]),
        help="Body that the model must be of. Default: the one on its card.",
    )
    @click.option(
        "--smpl-dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Folder of SMPL's files (docs/smpl.md). Default: smpl in the toolkit's folder.",
    )
    @trust_option
    @functools.wraps(command)
    def gathering(*, body: Literal["open", "smpl"] | None, smpl_dir: Path | None, **given: Any) -> Any:
        return command(body=BodyOptions(body, smpl_dir), **given)

    return cast(_Command, gathering)
