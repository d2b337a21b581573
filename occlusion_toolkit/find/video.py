"""A short video as its frames: pictures in a folder, so that results can name them by checksum."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occlusion_toolkit.errors import ImageError
from occlusion_toolkit.files.atomic import atomic_path, make_folder

if TYPE_CHECKING:
    from PIL.Image import Image

# By suffix, and no other demuxer is tried: some, such as those of playlists, open further files.
_DEMUXERS = {
    ".mp4": "mov",
    ".mov": "mov",
    ".m4v": "mov",
    ".avi": "avi",
    ".mkv": "matroska",
    ".webm": "matroska",
}

VIDEO_SUFFIXES = tuple(_DEMUXERS)

MAX_PIXELS = 8192 * 8192


def extract_frames(
    video: Path, folder: Path, every: int = 1, progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Writes the frames of a video as PNG files, upright; those that are there are not written again.

    Args:
        video: MP4, MOV, AVI, MKV or WebM.
        folder: made where it does not exist; files are called NAME-00000.png by the number of the frame.
        every: take every so many frames, from the first on.
        progress: called with frames read and, where the file says it, frames in all.

    Returns:
        The files, in order.

    Raises:
        ImageError: PyAV is not installed, the file is no video, is damaged, or has no frames.
        ResultError: a frame cannot be written.
    """
    try:
        import av
    except ModuleNotFoundError as error:
        raise ImageError(
            f"{str(video)!r} is a video, which needs PyAV: pip install 'occlusion-toolkit[video]'"
        ) from error
    files: list[Path] = []
    try:
        with av.open(str(video), format=_DEMUXERS[video.suffix.lower()]) as container:
            if not container.streams.video:
                raise ImageError(f"{str(video)!r} has no pictures; give a video")
            stream = container.streams.video[0]
            for number, frame in enumerate(container.decode(stream)):
                if frame.width * frame.height > MAX_PIXELS:
                    raise ImageError(f"{str(video)!r} has frames of {frame.width}x{frame.height} pixels")
                if number % every == 0:
                    files.append(make_folder(folder) / f"{video.stem}-{number:05d}.png")
                    if not files[-1].is_file():
                        _save(_upright(frame), files[-1])
                if progress is not None:
                    progress(number + 1, max(stream.frames, number + 1))
    except (av.FFmpegError, OSError) as error:
        raise ImageError(f"{str(video)!r} is damaged or no video ({error})") from error
    if not files:
        raise ImageError(f"{str(video)!r} has no frames; give a video")
    return files


def _upright(frame: Any) -> "Image":
    """A frame as RGB, turned as its display matrix says (degrees against the clock)."""
    picture: Image = frame.to_image()
    turn = round(getattr(frame, "rotation", 0) or 0)
    return picture.rotate(turn, expand=True) if turn % 360 else picture


def _save(picture: "Image", path: Path) -> None:
    with atomic_path(path) as temporary:
        picture.save(temporary)
