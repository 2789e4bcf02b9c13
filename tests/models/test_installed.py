"""The links of a car's models folder, and the installer killed between any two of its steps."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

from models import fetch, install, installed, seen, selftest
from models.folder import MODEL, load_model
from models.install import install as install_model
from models.installed import MOST_STARTS, CarModels, InstallError
from storage import files, folder
from storage.files import StorageError
from tests.models.installing import Store, digest_of, small_model

STEPS = {module.__file__ for module in (install, installed, fetch, seen, selftest, files, folder)}
INSTANTS = 60  # of each of the two ways


def put(models: CarModels, model: Path, sequence: int = 1) -> str:
    """Install without a store; the digest."""
    digest = digest_of(model)
    with models.installing(), models.staging() as staging:
        shutil.copytree(model, staging, dirs_exist_ok=True)
        models.add(staging, digest, sequence)
    return digest


@pytest.fixture
def models(tmp_path: Path) -> CarModels:
    return CarModels(tmp_path / "car")


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    return small_model(tmp_path, "first"), small_model(tmp_path, "second")


def drives(models: CarModels) -> str | None:
    """The name of the model that drives, whole and checked; None: a shipped one."""
    current = models.current()
    return load_model(current).manifest.name if current else None


def test_a_model_on_trial_passes_and_becomes_the_way_back(models: CarModels, two: tuple[Path, Path]) -> None:
    assert (models.current(), models.good(), models.ready(), models.on_trial()) == (None, None, None, None)
    first = put(models, two[0])
    assert (models.ready(), drives(models)) == (first, None)
    assert models.activate(first)
    assert (models.ready(), drives(models), models.on_trial(), models.good()) == (None, "first", first, None)
    models.passed(first)
    assert models.on_trial() is None
    second = put(models, two[1])
    models.activate(second)
    assert (drives(models), models.on_trial()) == ("second", second)
    assert load_model(models.good()).manifest.name == "first"


def test_a_model_that_fails_gives_way_to_the_good_one_and_is_remembered(
    models: CarModels, two: tuple[Path, Path]
) -> None:
    first, second = put(models, two[0]), digest_of(two[1])
    models.activate(first)
    models.passed(first)
    put(models, two[1], sequence=7)
    models.activate(second)
    models.failed(second, "the guardian stopped it")
    assert (drives(models), models.on_trial()) == ("first", None)
    assert (models.bad(second).why, models.bad(second).sequence) == ("the guardian stopped it", 7)
    assert models.bad(first) is None


def test_the_first_model_that_fails_gives_way_to_the_shipped_one(models: CarModels, two: tuple[Path, Path]) -> None:
    first = put(models, two[0])
    models.activate(first)
    models.failed(first, "it did not pass")
    assert (drives(models), models.ready()) == (None, None)


def test_a_link_of_the_owners_own_is_good_and_comes_back(
    models: CarModels, two: tuple[Path, Path], tmp_path: Path
) -> None:
    models.folder.mkdir(parents=True)
    (models.folder / "current").symlink_to("../../first")
    assert models.on_trial() is None
    second = put(models, two[1])
    models.activate(second)
    assert drives(models) == "second"
    models.failed(second, "no")
    assert drives(models) == "first"
    assert os.readlink(models.folder / "current") == "../../first"


def test_drives_that_break_off_are_counted_and_the_model_is_put_back(models: CarModels, two: tuple[Path, Path]) -> None:
    first = put(models, two[0])
    assert models.begin() is None  # nothing is on trial
    models.activate(first)
    for _ in range(3 * MOST_STARTS):
        assert models.begin() is None
        models.end()  # Ctrl-C is an end
    for _ in range(MOST_STARTS):
        assert models.begin() is None
    assert models.begin() == f"{MOST_STARTS} drives with it broke off"
    assert drives(models) is None
    assert models.bad(first)


def test_a_known_bad_one_that_still_is_current_is_put_back_at_the_next_start(
    models: CarModels, two: tuple[Path, Path]
) -> None:
    """Killed between the two renames of `failed`."""
    first = put(models, two[0])
    models.activate(first)
    models.remember_bad(first, "it fell asleep", 3)
    assert models.begin() == "it fell asleep"
    assert drives(models) is None


def test_what_no_link_names_is_not_activated_and_is_removed_by_the_next_installer(
    models: CarModels, two: tuple[Path, Path]
) -> None:
    first = put(models, two[0])
    second = put(models, two[1])  # `ready` names this one now
    assert not models.activate(first)
    (models.folder / ".staging-left").mkdir()
    (models.folder / ".staging-left" / MODEL).write_bytes(b"half")
    with models.installing():
        names = {path.name for path in models.folder.iterdir()}
    assert names == {second, "ready", "trials.json", ".changing", ".installing"}


def test_two_installers_at_once_the_second_is_told(models: CarModels) -> None:
    with models.installing(), pytest.raises(InstallError, match="another program installs"), models.installing():
        pass


def test_what_cannot_be_used_is_one_line(models: CarModels, two: tuple[Path, Path]) -> None:
    first = put(models, two[0])
    (models.folder / "current").symlink_to("nowhere")
    with pytest.raises(InstallError, match="leads nowhere; remove it"):
        models.current()
    (models.folder / "current").unlink()
    shutil.copytree(two[0], models.folder / "current")
    with pytest.raises(InstallError, match="is no link that a pull made"):
        models.activate(first)
    assert drives(models) == "first"
    (models.folder / "trials.json").write_text("{")
    with pytest.raises(InstallError, match=r"trials\.json cannot be read; remove it"):
        models.bad(first)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "models").touch()
    with pytest.raises(StorageError, match="cannot write"):
        CarModels(tmp_path).begin()


class Killed:
    """In the installer's process, at lines of the installer's own files: it forks, is killed by SIGKILL, and its twin
    waits until the test has looked at what is left on disk, then goes on in its place. So one way through all steps is
    killed at as many instants as wanted, and nothing has to be done anew up to each of them."""

    def __init__(self, instants: set[int], told: int, go: int) -> None:
        self._instants, self._told, self._go, self.lines = instants, told, go, 0

    def __call__(self, frame: FrameType, event: str, _argument: object) -> "Killed | None":
        if frame.f_code.co_filename not in STEPS:
            return None
        if event == "line":
            self.lines += 1
            if self.lines in self._instants:
                self._die(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
        return self

    def _die(self, where: str) -> None:
        pid = os.getpid()
        if os.fork():
            os.kill(pid, signal.SIGKILL)
        while os.getppid() == pid:
            time.sleep(0.0005)
        os.write(self._told, f"{pid} {where}\n".encode())
        os.read(self._go, 1)


def killed(job: Callable[[], None], instants: set[int], look: Callable[[str], None]) -> int:
    """Do the job in a process that is killed at these instants; `look` is called after each with where that was.
    Returns how many instants there were in all."""
    (told, tell), (wait, go) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            killer = Killed(instants, tell, wait)
            sys.settrace(killer)
            job()
            sys.settrace(None)
            os.write(tell, f"done {killer.lines}\n".encode())
            code = 0
        finally:
            os._exit(code)
    os.close(tell)
    with os.fdopen(told) as reports:
        for report in reports:
            what, rest = report.split(maxsplit=1)
            if what == "done":
                lines = int(rest)
                break
            _, status = os.waitpid(int(what), 0)
            assert os.WTERMSIG(status) == signal.SIGKILL
            look(rest)
            os.write(go, b"!")
        else:
            raise AssertionError("the installer failed")
    os.wait()
    os.close(wait)
    os.close(go)
    return lines


@pytest.fixture
def adopts() -> Iterator[None]:
    """Whose parent is killed becomes a child of the test (PR_SET_CHILD_SUBREAPER)."""
    libc = ctypes.CDLL(None)
    libc.prctl(36, 1)
    yield
    libc.prctl(36, 0)


@pytest.mark.usefixtures("adopts")
@pytest.mark.parametrize("ends", ["passed", "failed"])
def test_killed_at_any_instant_current_opens_verifies_and_decides(tmp_path: Path, ends: str) -> None:
    """The whole way of a model: from the channel through the test into its place, and to the verdict. Killed at
    instants spread evenly over all lines that the installer runs."""
    store = Store(str(tmp_path / "store"), tmp_path)
    first = store.publish(small_model(tmp_path, "first"))
    install_model(store.place, "stable", store.car, store.trusted)
    store.models.activate(first)
    store.models.passed(first)
    second = store.publish(small_model(tmp_path, "second"))
    before = tmp_path / "before"
    shutil.copytree(store.car, before, symlinks=True)

    def whole_way() -> None:
        install_model(store.place, "stable", store.car, store.trusted)
        store.models.activate(second)
        store.models.begin()
        if ends == "passed":
            store.models.passed(second)
        else:
            store.models.failed(second, "a test")

    found = []

    def look(where: str) -> None:
        left = tmp_path / "left"
        shutil.copytree(store.car, left, symlinks=True)
        models = CarModels(left)
        models.begin()
        model = load_model(models.current())
        assert np.isfinite(model.policy.advantages(np.zeros(model.policy.shape, np.uint8))).all()
        assert load_model(models.good()).manifest.name in ("first", "second")
        if ready := models.ready():
            load_model(models.path(ready))
        with models.installing():  # whoever comes next tidies up
            assert not [path for path in models.folder.iterdir() if path.name.startswith((".staging", ".link"))]
            assert load_model(models.current()).manifest.name == model.manifest.name
        found.append((model.manifest.name, where.split(":", maxsplit=1)[0]))
        shutil.rmtree(left)

    lines = killed(whole_way, set(), look)
    shutil.rmtree(store.car)
    shutil.copytree(before, store.car, symlinks=True)
    instants = {int(one) for one in np.linspace(1, lines, INSTANTS)}
    assert len(instants) == INSTANTS
    killed(whole_way, instants, look)
    assert len(found) == INSTANTS
    assert {name for name, _ in found} == {"first", "second"}
    assert {file for _, file in found} >= {"install.py", "installed.py", "fetch.py", "seen.py", "files.py"}
    assert drives(store.models) == ("second" if ends == "passed" else "first")


def test_killed_in_its_test_process_too(tmp_path: Path) -> None:
    """As a person would, from outside: `kill -9` while the model is tested; and while what tests it runs."""
    store = Store(str(tmp_path / "store"), tmp_path)
    first = store.publish(small_model(tmp_path, "first"))
    program = (
        "import sys; from pathlib import Path\n"
        "from models.install import install; from models.signing import load_trusted\n"
        "from storage.place import open_place\n"
        "car = Path(sys.argv[2])\n"
        "print('goes', flush=True)\n"
        "install(open_place(sys.argv[1]), 'stable', car, load_trusted(car))\n"
    )
    for after_s in (0.02, 0.1, 0.3, 0.6):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "store"), str(store.car)], stdout=subprocess.PIPE
        )
        process.stdout.readline()
        time.sleep(after_s)
        process.kill()
        process.communicate()
        assert store.models.current() is None
        if ready := store.models.ready():
            load_model(store.models.path(ready))
    assert install_model(store.place, "stable", store.car, store.trusted).digest == first
    assert store.models.activate(first)
    assert drives(store.models) == "first"
