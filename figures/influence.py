"""Influence matrices of one or more models and their differences, from `influence`."""

from occlusion_toolkit.cli.result_figure import result_figure
from occlusion_toolkit.influences.figure import influence_figure
from occlusion_toolkit.influences.influence import Influence

main = result_figure("influence", "influence", Influence, influence_figure)

if __name__ == "__main__":
    main()
