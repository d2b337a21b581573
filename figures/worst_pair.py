"""The two squares that together do most harm, against one of the same area, from `worst-pair`."""

from occlusion_toolkit.cli.result_figure import result_figure
from occlusion_toolkit.worst_pairs.figure import worst_pair_figure
from occlusion_toolkit.worst_pairs.worst_pair import WorstPair

main = result_figure("worst_pair", "worst-pair", WorstPair, worst_pair_figure)

if __name__ == "__main__":
    main()
