import sys
from pathlib import Path

import pytest

from car import drive
from car.hardware import CameraChoice, choose_camera, choose_drivetrain, hardware
from errors import UserError
from settings import Settings


def pi_root(tmp_path: Path, model: bytes = b"Raspberry Pi 4 Model B Rev 1.5\0") -> Path:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_bytes(model)
    return tmp_path


def test_a_raspberry_pi_is_real_and_nothing_else_is(tmp_path: Path) -> None:
    assert hardware(Settings(), tmp_path) == "sim"
    assert hardware(Settings(), pi_root(tmp_path)) == "pi"
    assert hardware(Settings(hardware="sim"), tmp_path) == "sim"


def test_another_board_is_none_but_its_owner_may_say_so(tmp_path: Path) -> None:
    root = pi_root(tmp_path, b"NVIDIA Jetson Nano Developer Kit\0")
    assert hardware(Settings(), root) == "sim"
    assert hardware(Settings(hardware="pi"), root) == "pi"


def test_what_was_typed_decides_then_the_hardware() -> None:
    assert choose_camera(None, "pi", sim=False) == CameraChoice("pi")
    assert choose_camera(None, "sim", sim=False) == CameraChoice("sim")
    assert choose_camera(None, "pi", sim=True) == CameraChoice("sim")
    assert choose_camera("usb", "pi", sim=False) == CameraChoice("usb", 0)
    assert choose_camera("usb:2", "sim", sim=False) == CameraChoice("usb", 2)
    assert choose_camera("tub:/a:b", "pi", sim=False) == CameraChoice("tub", tub=Path("/a:b"))


@pytest.mark.parametrize("typed", ["", "usb:", "usb:-1", "usb:x", "tub", "tub:", "sim:1", "pi:0", "PI"])
def test_any_other_word_is_refused(typed: str) -> None:
    with pytest.raises(UserError, match="there is no camera"):
        choose_camera(typed or "x", "pi", sim=False)


def test_sim_means_both() -> None:
    with pytest.raises(UserError, match="leave out --camera usb, or --sim"):
        choose_camera("usb", "pi", sim=True)


def test_a_pi_without_its_camera_stops_and_never_falls_back(monkeypatch, tmp_path: Path, capsys) -> None:
    import manage
    from car import hardware as module

    monkeypatch.setattr(module, "device_tree_model", lambda root=None: "Raspberry Pi 5 Model B Rev 1.0")
    monkeypatch.setattr(sys, "argv", ["manage.py", "drive", "--car", str(tmp_path)])
    monkeypatch.setattr(drive, "drive_simulated", lambda *_, **__: pytest.fail("fell back to the simulated car"))
    with pytest.raises(SystemExit) as ended:
        manage.main()
    assert ended.value.code not in (0, None)
    assert "SIMULATED" not in capsys.readouterr().out


def test_only_a_real_camera_on_a_real_car_moves_servos_unasked() -> None:
    expected = {("pi", "pi"): "pca9685", ("pi", "usb"): "pca9685"}
    for kind in ("pi", "sim"):
        for camera in ("pi", "usb", "sim", "tub"):
            chosen = choose_drivetrain(None, CameraChoice(camera), kind, sim=False)
            assert chosen == expected.get((kind, camera), "sim")
    assert choose_drivetrain("simchip", CameraChoice("pi"), "pi", sim=False) == "simchip"
    assert choose_drivetrain("simchip", CameraChoice("sim"), "pi", sim=True) == "simchip"
    with pytest.raises(UserError, match="leave out --drivetrain pca9685"):
        choose_drivetrain("pca9685", CameraChoice("sim"), "pi", sim=True)


def test_a_car_is_called_simulated_only_where_nothing_real_can_move() -> None:
    for labels in drive.LABELS.values():
        assert not {None, "simchip", "pca9685"} ^ labels.keys()
        assert "SIMULATED" not in labels["pca9685"]
        assert labels["pca9685"] not in (labels[None], labels["simchip"])
