"""What several tests of training share, made once: drawn people, a rendered data set, and bodies."""

from pathlib import Path

import pytest
from support.drawn_people import draw_cache
from support.training_fixtures import link_people, tiny_data, tiny_recipe

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY, load_open_body
from occlusion_toolkit.training.bodies import TrainingBodies
from occlusion_toolkit.training.crops_cache import CropsCache
from occlusion_toolkit.training.data import RunData


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> CropsCache:
    """80 drawn people in five sequences; read only."""
    return draw_cache(load_open_body(), tmp_path_factory.mktemp("crops"))


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten people of the shipped test set as a set to train on; read only."""
    return link_people(tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="session")
def bodies() -> TrainingBodies:
    """The open body."""
    return TrainingBodies(Bodies(), OPEN_BODY_TOPOLOGY)


@pytest.fixture(scope="session")
def data(cache: CropsCache) -> RunData:
    """What `tiny_recipe` learns from."""
    return tiny_data(tiny_recipe(), cache)
