"""How large a square must be, place by place, until the estimate breaks, from `breaking-size`."""

from occlusion_toolkit.breaking_sizes.breaking_size import BreakingSize
from occlusion_toolkit.breaking_sizes.figure import breaking_size_figure
from occlusion_toolkit.cli.result_figure import result_figure

main = result_figure("breaking_size", "breaking-size", BreakingSize, breaking_size_figure)

if __name__ == "__main__":
    main()
