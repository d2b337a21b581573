"""Joints that the world hides against joints under squares, from `natural`."""

from occlusion_toolkit.cli.result_figure import result_figure
from occlusion_toolkit.natural_occlusion.figure import natural_figure
from occlusion_toolkit.natural_occlusion.natural import NaturalOcclusion

main = result_figure("natural", "natural", NaturalOcclusion, natural_figure)

if __name__ == "__main__":
    main()
