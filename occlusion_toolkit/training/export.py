"""From a finished run to shipped weights: safetensors and a model card with what was measured."""

from dataclasses import dataclass
from pathlib import Path

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.io.checkpoints import write_state_dict
from occlusion_toolkit.io.provenance import sha256_file
from occlusion_toolkit.regressors.architecture import HMRArchitecture, PAREArchitecture, ResNetTrunk
from occlusion_toolkit.regressors.cards import ErrorFigure, ModelCard, Weights, write_card
from occlusion_toolkit.regressors.cards import Training as TrainingRecord
from occlusion_toolkit.training.recipe import Recipe
from occlusion_toolkit.training.shared_trunk import network_state
from occlusion_toolkit.training.state import RunState, read_state

CROP_PX = 224
"""Side of the crops that shipped networks take."""


@dataclass(frozen=True)
class Release:
    """What the card says beside what the run itself knows.

    Attributes:
        title: one line for people.
        description: what it is and what to use it for.
        data: the training images.
        data_seed: their seed.
        hardware: what it ran on.
        body: topology id of the body.
        limitations: what not to expect.
        errors: what was measured.
    """

    title: str
    description: str
    data: str
    data_seed: int
    hardware: str
    body: str
    limitations: str
    errors: tuple[ErrorFigure, ...] = ()


def shipped_architecture(recipe: Recipe) -> HMRArchitecture | PAREArchitecture:
    """The network as it takes full-size crops: one trained on half-size crops halves them itself.

    Raises:
        TrainingError: the recipe has several networks, or its last crops do not divide 224.
    """
    if len(recipe.networks) != 1:
        raise TrainingError(f"Recipe {recipe.name!r} trains several networks; ship a recipe that trains one.")
    architecture, trained = recipe.networks[0], recipe.phases[-1].resolution
    trunk = architecture.trunk
    if trained == CROP_PX:
        return architecture
    if CROP_PX % trained or not isinstance(trunk, ResNetTrunk):
        raise TrainingError(f"A network trained on crops of {trained} px cannot take those of {CROP_PX} px.")
    pooled = trunk.model_copy(update={"input_pooling": trunk.input_pooling * CROP_PX // trained})
    return architecture.model_copy(update={"trunk": pooled})


def export(
    checkpoint: Path, models: Path, release: Release, *, started_from: Path | None = None
) -> ModelCard:
    """Write `weights/NAME.safetensors` and `NAME.yaml` from the averaged weights of a finished run.

    Args:
        checkpoint: of the run.
        models: folder of the cards.
        release: what the card says.
        started_from: checkpoint of the run whose weights this one began with.

    Returns:
        The card.

    Raises:
        TrainingError: the run is not finished.
    """
    state = read_state(checkpoint)
    recipe = Recipe.model_validate_json(state.recipe)
    if state.samples < recipe.total_samples:
        raise TrainingError(
            f"{checkpoint} has seen {state.samples:,} of {recipe.total_samples:,} crops; train to the end."
        )
    architecture = shipped_architecture(recipe)
    tensors = network_state(state.average, architecture.kind)
    file = models / "weights" / f"{recipe.name}.safetensors"
    network = architecture.build(None)
    network.load_state_dict(tensors)
    write_state_dict(
        file, network.state_dict(), {"recipe": recipe.name, "samples": str(state.samples)}, half=True
    )
    card = ModelCard(
        name=recipe.name,
        title=release.title,
        description=release.description,
        network=architecture,
        weights=Weights(
            file=file.name,
            sha256=sha256_file(file),
            shipped=True,
            licence="Apache-2.0",
            source=f"trained by this toolkit with models/recipes/{recipe.name}.yaml",
        ),
        body=release.body,
        training=_record(recipe, state, release, None if started_from is None else read_state(started_from)),
        errors=release.errors,
        limitations=release.limitations,
    )
    write_card(card, models / f"{recipe.name}.yaml")
    return card


def _record(recipe: Recipe, state: RunState, release: Release, before: RunState | None) -> TrainingRecord:
    supervised = None
    if recipe.networks[0].kind == "pare":
        seen = sum(phase.samples for phase in recipe.phases if phase.weights.parts > 0)
        supervised = seen // recipe.optimisation.batch_size
    origin = None
    if before is not None:
        earlier = Recipe.model_validate_json(before.recipe)
        origin = (
            f"{earlier.name} of this toolkit ({before.samples:,} crops, {before.seconds / 3600:.2f} h, "
            "from random weights, Apache-2.0)"
        )
    pasted = None
    if recipe.occlusion is not None:
        share = f"{recipe.occlusion.probability:.0%} of the crops"
        pasted = f"drawn objects, 1 to {recipe.occlusion.most} on {share}"
    return TrainingRecord(
        data=release.data,
        data_seed=release.data_seed,
        seed=recipe.seed,
        steps=state.samples // recipe.optimisation.batch_size,
        samples=state.samples,
        occlusion_augmentation=pasted,
        part_supervision_steps=supervised,
        hardware=release.hardware,
        hours=float(f"{max(state.seconds, 1.0) / 3600:.3g}"),
        started_from=origin,
    )
