"""Risk over coverage, failures by tenths and what confidence gains by joint, from `confidence`."""

from occlusion_toolkit.cli.result_figure import result_figure
from occlusion_toolkit.confidences.confidence import Confidence
from occlusion_toolkit.confidences.figure import confidence_figure
from occlusion_toolkit.confidences.table import by_name

main = result_figure("confidence", "confidence", Confidence, confidence_figure, named=by_name)

if __name__ == "__main__":
    main()
