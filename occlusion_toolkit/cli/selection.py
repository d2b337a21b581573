"""Option values that need more than a type: joints and metrics."""

from occlusion_toolkit.body.joints import LSP14, SMPL24, JointSet
from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.sweep.maps import metric_name, metric_parts


def select_joints(text: str) -> tuple[JointSet, tuple[str, ...]]:
    """The joint set and the joints that `--joints` names.

    Args:
        text: "lsp14", "smpl24", or joint names of one of them, separated by commas.

    Raises:
        UsageError: a joint is in neither set, or the joints are not all in one set.
    """
    sets = (LSP14, SMPL24)
    for joint_set in sets:
        if text.strip().lower() == joint_set.name:
            return joint_set, joint_set.joint_names
    names = tuple(dict.fromkeys(word.strip().lower().replace(" ", "_") for word in text.split(",")))
    for joint_set in sets:
        if set(names) <= set(joint_set.joint_names):
            return joint_set, names
    known = {joint_set.name: ", ".join(joint_set.joint_names) for joint_set in sets}
    unknown = [name for name in names if not any(name in joint_set.joint_names for joint_set in sets)]
    problem = f"there is no joint {unknown[0]!r}" if unknown else f"{text!r} mixes the two joint sets"
    raise UsageError(
        f"--joints: {problem}; give lsp14, smpl24, or joints of one set. "
        + " ".join(f"{name}: {joints}." for name, joints in known.items())
    )


def metric_of(name: str | None, aligned: bool, has_truth: bool) -> str:
    """The metric that `--metric` and `--pa` name.

    Args:
        name: of a metric; None for the error with ground truth, the displacement without.
        aligned: after Procrustes alignment.
        has_truth: whether there is ground truth.

    Raises:
        UsageError: there is no such metric, it cannot be aligned, or it needs ground truth.
    """
    chosen = name or ("error" if has_truth else "displacement")
    metric, quantity = metric_parts(chosen)
    if quantity != "displacement" and not has_truth:
        raise UsageError(f"--metric {chosen} needs --ground-truth")
    if not aligned or metric == "pa_mpjpe":
        return chosen
    if metric != "mpjpe":
        raise UsageError(f"--pa aligns error, increase and displacement, not {chosen}; leave it out")
    return metric_name("pa_mpjpe", quantity)
