"""A file or folder of files appears whole or not at all."""

import errno
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.atomic import atomic_path, staging_folder, write_bytes, write_text


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    write_text(tmp_path / "a.txt", "näw")
    assert (tmp_path / "a.txt").read_bytes() == "näw".encode()
    assert names(tmp_path) == ["a.txt"]


def test_the_temporary_path_keeps_the_suffix_and_the_folder(tmp_path):
    with atomic_path(tmp_path / "map.pdf") as temporary:
        assert temporary.suffix == ".pdf"
        assert temporary.parent == tmp_path
        assert not (tmp_path / "map.pdf").exists()


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError, SystemExit, OSError])
def test_an_interruption_leaves_the_old_file_and_no_temporary_one(tmp_path, interruption):
    write_text(tmp_path / "a.txt", "old")

    def interrupted() -> None:
        with atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise interruption

    with pytest.raises(interruption):
        interrupted()
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_missing_folder_is_a_clear_error(tmp_path):
    with pytest.raises(ResultError, match="no such file"):
        write_bytes(tmp_path / "none" / "a", b"")


def test_a_folder_in_the_place_of_the_file_is_a_clear_error(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(ResultError, match="directory"):
        write_bytes(tmp_path / "a", b"")
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_a_clear_error(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(ResultError, match="permission denied"):
            write_bytes(tmp_path / "a", b"")
        with pytest.raises(ResultError, match="permission denied"), staging_folder(tmp_path / "out"):
            pass
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder where even root cannot write")
def test_a_place_that_cannot_be_written_is_a_clear_error():
    with pytest.raises(ResultError, match="could not be written"):
        write_bytes("/proc/a", b"")
    with pytest.raises(ResultError, match="could not be written"), staging_folder("/proc/out"):
        pass


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_is_a_clear_error(tmp_path, number):
    def fill() -> None:
        with atomic_path(tmp_path / "a"):
            raise OSError(number, os.strerror(number))

    with pytest.raises(ResultError, match=os.strerror(number).lower()):
        fill()
    assert names(tmp_path) == []


def test_a_disk_that_really_fills_up_leaves_the_old_file(tmp_path):
    """A limit on the size of files fails writes half-way, as a full disk does."""
    write_text(tmp_path / "a", "old")
    program = (
        "import sys\n"
        "from occlusion_toolkit.errors import ResultError\n"
        "from occlusion_toolkit.files.atomic import write_bytes\n"
        "try:\n"
        "    write_bytes(sys.argv[1], bytes(10**6))\n"
        "except ResultError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-B", "-c", program, tmp_path / "a"],  # or it would leave half of its bytecode, too
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    assert "could not be written" in run.stdout
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_staged_files_appear_together_and_leave_others_alone(tmp_path):
    out = tmp_path / "deep" / "out"
    out.mkdir(parents=True)
    (out / "kept.txt").write_text("kept")
    (out / "map.png").write_text("old")
    with staging_folder(out) as staging:
        (staging / "map.png").write_text("new")
        (staging / "sub").mkdir()
        (staging / "sub" / "b.txt").write_text("b")
        assert (out / "map.png").read_text() == "old"
    assert names(out) == ["kept.txt", "map.png", "sub", "sub/b.txt"]
    assert (out / "map.png").read_text() == "new"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError])
def test_an_interrupted_staging_leaves_no_trace(tmp_path, interruption):
    def interrupted() -> None:
        with staging_folder(tmp_path / "new" / "out") as staging:
            (staging / "map.png").write_text("half")
            raise interruption

    with pytest.raises(interruption):
        interrupted()
    assert names(tmp_path) == []


def test_an_interrupted_staging_keeps_a_folder_that_was_there(tmp_path):
    (tmp_path / "out").mkdir()

    def interrupted() -> None:
        with staging_folder(tmp_path / "out"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == ["out"]


def test_a_file_in_the_place_of_the_output_folder_is_a_clear_error(tmp_path):
    (tmp_path / "out").write_text("a file")
    for path in (tmp_path / "out", tmp_path / "out" / "deeper"):
        with pytest.raises(ResultError, match=r"folder|directory"), staging_folder(path):
            pass
    assert (tmp_path / "out").read_text() == "a file"


LEFT = (".partial-0123456789abcdef/shards/a.h5", ".0123456789abcdef.tmp.png", ".fedcba9876543210.tmp")


def test_what_killed_processes_left_is_removed_and_what_is_being_written_or_of_others_stays(tmp_path):
    for name in LEFT:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("half")
    (tmp_path / ".mine.tmp").write_text("not ours")
    with (
        atomic_path(tmp_path / "b.txt") as being_written,
        staging_folder(tmp_path) as first,
        staging_folder(tmp_path) as second,
    ):
        (first / "c.txt").write_text("c")
        assert being_written.exists()
        assert second.exists()
    assert names(tmp_path) == [".mine.tmp", "b.txt", "c.txt"]


def test_a_killed_process_gives_up_its_place(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from occlusion_toolkit.files.atomic import staging_folder\n"
        "with staging_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'a').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert len(names(tmp_path)) == 2
    with staging_folder(tmp_path):
        pass
    assert names(tmp_path) == []
