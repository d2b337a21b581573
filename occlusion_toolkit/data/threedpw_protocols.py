"""Which sequences of 3DPW belong to its test split and to 3DPW-OCC."""

from collections.abc import Iterable

from occlusion_toolkit.errors import DatasetError

TEST_SEQUENCES = frozenset(
    {
        "downtown_arguing_00",
        "downtown_bar_00",
        "downtown_bus_00",
        "downtown_cafe_00",
        "downtown_car_00",
        "downtown_crossStreets_00",
        "downtown_downstairs_00",
        "downtown_enterShop_00",
        "downtown_rampAndStairs_00",
        "downtown_runForBus_00",
        "downtown_runForBus_01",
        "downtown_sitOnStairs_00",
        "downtown_stairs_00",
        "downtown_upstairs_00",
        "downtown_walkBridge_01",
        "downtown_walkUphill_00",
        "downtown_walking_00",
        "downtown_warmWelcome_00",
        "downtown_weeklyMarket_00",
        "downtown_windowShopping_00",
        "flat_guitar_01",
        "flat_packBags_00",
        "office_phoneCall_00",
        "outdoors_fencing_01",
    }
)
"""3DPW's test split."""

OCCLUDED_KINDS = frozenset(
    {
        "courtyard_backpack",
        "courtyard_basketball",
        "courtyard_bodyScannerMotions",
        "courtyard_box",
        "courtyard_golf",
        "courtyard_jacket",
        "courtyard_laceShoe",
        "downtown_stairs",
        "flat_guitar",
        "flat_packBags",
        "outdoors_climbing",
        "outdoors_crosscountry",
        "outdoors_fencing",
        "outdoors_freestyle",
        "outdoors_golf",
        "outdoors_parcours",
        "outdoors_slalom",
    }
)
"""3DPW-OCC: the first two words of the names of its sequences, in all three splits."""


def is_occluded(sequence: str) -> bool:
    """Whether a sequence of 3DPW belongs to 3DPW-OCC."""
    return _kind(sequence) in OCCLUDED_KINDS


def check_occluded(sequences: Iterable[str]) -> None:
    """Makes sure that sequences of 3DPW-OCC are all of it, as far as their names tell.

    Raises:
        DatasetError: none of a kind is among them.
    """
    if missing := sorted(OCCLUDED_KINDS - {_kind(sequence) for sequence in sequences}):
        raise DatasetError(
            f"3DPW-OCC takes sequences from 3DPW's train, validation and test split; {len(missing)} of its "
            f"{len(OCCLUDED_KINDS)} kinds are missing: {', '.join(missing)}"
        )


def _kind(sequence: str) -> str:
    return "_".join(sequence.split("_")[:2])
