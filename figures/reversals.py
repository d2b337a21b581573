"""Where the square must stand to turn people round, and what that costs, from `reversals`."""

from occlusion_toolkit.cli.result_figure import result_figure
from occlusion_toolkit.flips.figure import reversals_figure
from occlusion_toolkit.flips.reversals import Reversals

main = result_figure("reversals", "reversals", Reversals, reversals_figure)

if __name__ == "__main__":
    main()
