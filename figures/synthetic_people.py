"""The shipped synthetic test set: one picture of each person, and below them labels and 2D joints."""

from pathlib import Path

import numpy as np
import rich_click as click
from PIL import Image, ImageDraw

from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.files.atomic import make_folder
from occlusion_toolkit.files.safe_pickle import load_pickle
from occlusion_toolkit.files.shipped import shipped

COLUMNS, TILE_PX, FRAME = 8, 180, 1
DRAWN = 3  # labels and joints are drawn at three times the tile's size
# Bones between the 18 joints of 3DPW's poses2d.
BONES = (
    *((0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12)),
    *((12, 13), (0, 14), (0, 15), (14, 16), (15, 17)),
)


def part_colours() -> np.ndarray:
    """Return a colour (25, 3) for the background and each part: left warm, right cold, trunk grey."""
    warm, cold, grey = np.array([1.0, 0.55, 0.2]), np.array([0.2, 0.55, 1.0]), np.ones(3)
    palette = np.zeros((25, 3))
    for part, name in enumerate(SMPL24.joint_names):
        tone = warm if name.startswith("left_") else cold if name.startswith("right_") else grey
        palette[part + 1] = 255 * tone * (0.55 + 0.1 * (part * 7 % 5))
    return palette


def labelled(picture: Image.Image, labels: np.ndarray, joints: np.ndarray) -> Image.Image:
    """Return a picture with part colours laid over it and the 2D joints (3, 18) drawn as a skeleton."""
    pixels = np.asarray(picture, dtype=np.float64)
    colours = part_colours()[labels]
    mixed = np.where(labels[..., None] > 0, 0.35 * pixels + 0.65 * colours, 0.45 * pixels + 60)
    size = (DRAWN * TILE_PX, DRAWN * TILE_PX)
    canvas = Image.fromarray(mixed.astype(np.uint8)).resize(size, Image.Resampling.LANCZOS)
    pen, scale = ImageDraw.Draw(canvas), size[0] / picture.width
    places = (joints[:2] + 0.5) * scale
    for first, second in BONES:
        if joints[2, first] > 0 and joints[2, second] > 0:
            pen.line([*places[:, first], *places[:, second]], fill=(20, 20, 20), width=5)
    for x, y in places[:, joints[2] > 0].T:
        pen.ellipse((x - 6, y - 6, x + 6, y + 6), fill=(255, 255, 255), outline=(20, 20, 20))
    return canvas.resize((TILE_PX, TILE_PX), Image.Resampling.LANCZOS)


def contact_sheet(root: Path, width_px: int | None = None) -> Image.Image:
    """Return the sheet: all people of a data set's test split, then some of them labelled."""
    tiles, explained = [], []
    for path in sorted((root / "sequenceFiles" / "test").glob("*.pkl")):
        record = load_pickle(path)
        folder = f"{path.stem}/"
        with Image.open(root / "imageFiles" / folder / f"image_{FRAME:05d}.jpg") as image:
            picture = image.convert("RGB")
        tiles.append(picture.resize((TILE_PX, TILE_PX), Image.Resampling.LANCZOS))
        with Image.open(root / "partFiles" / folder / f"part_{FRAME:05d}.png") as parts:
            explained.append(labelled(picture, np.asarray(parts), record["poses2d"][0][FRAME]))
    tiles += explained[:COLUMNS]  # one row is enough
    sheet = Image.new("RGB", (COLUMNS * TILE_PX, -(-len(tiles) // COLUMNS) * TILE_PX))
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index % COLUMNS * TILE_PX, index // COLUMNS * TILE_PX))
    if width_px is not None:
        sheet = sheet.resize(
            (width_px, round(sheet.height * width_px / sheet.width)), Image.Resampling.LANCZOS
        )
    return sheet


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path), default=lambda: shipped("open-test"))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@click.option("--width", type=click.FloatRange(1, 40), metavar="INCHES", help="Width of the sheet.")
@click.option("--dpi", type=click.IntRange(30, 1200), default=200, show_default=True, help="Pixels per inch.")
def main(folder: Path, out: Path, width: float | None, dpi: int) -> None:
    """Draw synthetic_people.jpg: people in FOLDER, written by `synthesize`; by default the shipped ones."""
    path = make_folder(out) / "synthetic_people.jpg"
    sheet = contact_sheet(folder, None if width is None else round(width * dpi))
    sheet.save(path, quality=88, optimize=True, dpi=(dpi, dpi))
    click.echo(path)


if __name__ == "__main__":
    main()
