"""A video is its frames: pictures by number, upright, and nothing else is opened in its name."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from occlusion_toolkit.errors import ImageError, UsageError
from occlusion_toolkit.find.images import found_images, unique_names
from occlusion_toolkit.find.video import extract_frames


def write_video(path: Path, frames: int = 5) -> Path:
    """Frames of one grey each, brighter and brighter."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            pixels = np.full((48, 64, 3), 40 * number, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_frames_are_written_by_number_and_not_written_twice(tmp_path, suffix):
    video = write_video(tmp_path / f"walk{suffix}")
    found = extract_frames(video, tmp_path / "frames", every=2)
    assert [path.name for path in found] == [f"walk-{number:05d}.png" for number in (0, 2, 4)]
    for number, path in zip((0, 2, 4), found, strict=True):
        with Image.open(path) as picture:
            assert picture.size == (64, 48)
            assert abs(float(np.asarray(picture).mean()) - 40 * number) < 12
    times = [path.stat().st_mtime_ns for path in found]
    assert extract_frames(video, tmp_path / "frames", every=2) == found
    assert [path.stat().st_mtime_ns for path in found] == times


@pytest.mark.parametrize("content", [b"", b"no video", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"])
def test_what_is_no_video_is_refused_and_no_playlist_is_followed(tmp_path, content):
    (tmp_path / "walk.mp4").write_bytes(content)
    with pytest.raises(ImageError, match=r"walk\.mp4' is damaged or no video"):
        extract_frames(tmp_path / "walk.mp4", tmp_path / "frames")
    assert not (tmp_path / "frames").exists()


def test_words_stand_for_files_folders_patterns_and_videos(tmp_path):
    people = tmp_path / "people"
    people.mkdir()
    for name in ("b.jpg", "a.png", "c.txt"):
        (people / name).touch()
    video = write_video(tmp_path / "walk.mp4", frames=2)
    words = [people, tmp_path / "peop*" / "*.png", video, Path("one.jpg")]
    found = found_images(words, tmp_path / "frames")
    names = ["a.png", "b.jpg", "walk-00000.png", "walk-00001.png", "one.jpg"]
    assert [path.name for path in found] == names  # a.png is in the folder and the pattern
    assert unique_names([Path("a.png"), Path("a-2.png"), Path("x/a.jpg")]) == ["a", "a-2", "a-3"]
    with pytest.raises(UsageError, match="no file matches"):
        found_images([tmp_path / "*.gif"], tmp_path / "frames")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no images"):
        found_images([tmp_path / "empty"], tmp_path / "frames")
