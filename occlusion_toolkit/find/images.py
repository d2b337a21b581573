"""Which images a command line means: files, folders, patterns, and the frames of videos."""

import glob
from collections.abc import Callable, Sequence
from pathlib import Path

from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.files.images import SUFFIXES
from occlusion_toolkit.find.video import VIDEO_SUFFIXES, extract_frames


def found_images(
    words: Sequence[Path],
    frames: Path,
    every: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """The images that words stand for, in their order and each once; within a folder or a pattern by name.

    Args:
        words: files; folders, for the images directly in them; patterns such as `people/*.jpg`; videos, for
            their frames.
        frames: folder that the frames of videos are written into.
        every: of a video, take every so many frames.
        progress: called with frames read and frames in all of a video.

    Raises:
        UsageError: a folder holds no images, or a pattern means nothing.
        ImageError: a video cannot be read, or PyAV is not installed.
    """
    images: list[Path] = []
    for word in words:
        for path in _meant(word):
            is_video = path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()
            images += extract_frames(path, frames, every, progress) if is_video else [path]
    return list(dict.fromkeys(images))


def is_one_file(words: Sequence[Path]) -> bool:
    """Whether words mean one image and nothing that could be several."""
    is_alone = len(words) == 1 and _meant(words[0]) == [words[0]]
    return is_alone and words[0].suffix.lower() not in VIDEO_SUFFIXES


def unique_names(images: Sequence[Path]) -> list[str]:
    """A name for each image: that of its file without the suffix, with a number where it is taken."""
    names: list[str] = []
    for image in images:
        name, count = image.stem, 1
        while name in names:
            count += 1
            name = f"{image.stem}-{count}"
        names.append(name)
    return names


def _meant(word: Path) -> list[Path]:
    if word.is_dir():
        found = [path for path in word.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
        if not found:
            raise UsageError(f"the folder {str(word)!r} holds no images ({', '.join(SUFFIXES)})")
        return sorted(found)
    if word.exists() or not glob.has_magic(str(word)):
        return [word]
    matches = sorted(Path(match) for match in glob.glob(str(word), recursive=True))  # noqa: PTH207 (absolute)
    files = [path for match in matches for path in (_meant(match) if match.is_dir() else [match])]
    if not files:
        raise UsageError(f"no file matches {str(word)!r}")
    return files
