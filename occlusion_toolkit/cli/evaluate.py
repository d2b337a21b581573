"""`occlusion-toolkit evaluate`: MPJPE, PA-MPJPE and PVE of models on a data set (PARE, Tables 1 and 2)."""

import functools
import time
from pathlib import Path
from typing import Literal

import rich_click as click

from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.dataset_options import dataset_options
from occlusion_toolkit.cli.trust_option import trusted_files


@click.command()
@dataset_options
@click.option(
    "--model",
    "models",
    multiple=True,
    default=("pare-open",),
    show_default=True,
    help="Name of a card, or path of one (.yaml); may be given several times.",
)
@click.option(
    "--joints", type=click.Choice(["lsp14", "h36m17", "smpl24"]), default="lsp14", show_default=True
)
@click.option(
    "--gt-gender",
    type=click.Choice(["gendered", "neutral"]),
    help="Body of the ground truth. Default: that of the model's paper (PARE neutral, others gendered).",
)
@click.option(
    "--pve-align",
    type=click.Choice(["none", "pelvis"]),
    default="none",
    show_default=True,
    help="What vertices are centred on before PVE; the papers centre on nothing.",
)
@body_options
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--batch-size", type=click.IntRange(min=1), help="People per forward pass. Default: automatic.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/evaluate"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead of tables.")
@click.option("--latex", is_flag=True, help="Print the table as LaTeX (booktabs) instead.")
def evaluate(
    dataset: str,
    root: Path | None,
    people_list: Path | None,
    split: str | None,
    frame_filter: Literal["spin", "vibe"] | None,
    limit: int | None,
    models: tuple[str, ...],
    joints: str,
    gt_gender: Literal["gendered", "neutral"] | None,
    pve_align: Literal["none", "pelvis"],
    body: BodyOptions,
    device: str,
    batch_size: int | None,
    out: Path,
    as_json: bool,
    latex: bool,
) -> None:
    """Measure how far models are from the ground truth of a data set, on clean images.

    Every model is measured by the rules of its own paper unless options say otherwise. Writes the errors of
    every sample into the output folder, a file for each model; a run that was stopped goes on from
    there when the same line is given again.
    """
    from occlusion_toolkit.body.joints import joint_set
    from occlusion_toolkit.cli import console
    from occlusion_toolkit.cli.dataset_options import chosen_people
    from occlusion_toolkit.cli.selection import select_device
    from occlusion_toolkit.evaluation import console as console_evaluate
    from occlusion_toolkit.evaluation.evaluator import Evaluator
    from occlusion_toolkit.evaluation.known_errors import known_errors
    from occlusion_toolkit.evaluation.latex import latex_table
    from occlusion_toolkit.evaluation.protocol import chosen_protocol, differing_rules
    from occlusion_toolkit.evaluation.published import published_table
    from occlusion_toolkit.evaluation.run import result_path, run_evaluation
    from occlusion_toolkit.evaluation.summary import summarise
    from occlusion_toolkit.models.registry import load_regressor

    if as_json and latex:
        raise click.UsageError("Give --json or --latex, not both.")
    place = select_device(device)
    # Everything is opened before the first network runs: what is missing is missed now, not after hours.
    regressors = [load_regressor(model, place, trusted_files()) for model in dict.fromkeys(models)]
    bodies = body.bodies(*(regressor.card for regressor in regressors))
    people_of = functools.cache(functools.partial(chosen_people, dataset, root, people_list, split))
    evaluators = []
    for regressor in regressors:
        protocol = chosen_protocol(regressor.card, joint_set(joints), gt_gender, pve_align)
        # A paper's filter is a rule about the frames of 3DPW; 3DPW-OCC and published lists have their own.
        papers = protocol.frame_filter if dataset == "3dpw" and people_list is None else None
        evaluators.append(Evaluator(regressor, bodies, people_of(frame_filter or papers, limit), protocol))
    cards = [each.card for each in evaluators]
    console.warn(*differing_rules(cards))
    summaries, started = [], time.perf_counter()
    for each in evaluators:
        try:
            with console.progress(f"people, {each.card.model_card}") as report:
                result = run_evaluation(each, out, batch_size, report)
        except KeyboardInterrupt:
            console.warn("stopped; what was measured is kept, and the same line goes on from there")
            raise
        summaries.append(summarise(result, known_errors(each.regressor.card, each.people, each.card)))
    seconds = time.perf_counter() - started
    published = published_table(evaluators[0].people)
    files = [result_path(out, card) for card in cards]
    if as_json:
        console.print_json(console_evaluate.as_json(summaries, published, seconds, files))
    elif latex:
        click.echo(latex_table(summaries, published))
    else:
        console_evaluate.print_evaluation(summaries, published, seconds, files)
