import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.car_file import CalibrationError, load_calibration
from calibration.donkeycar import TICK_US, read_donkeycar
from tests.conftest import assert_one_line

TABLE = (
    """
# """
    + "myconfig"
    + """
DRIVE_TRAIN_TYPE = "PWM_STEERING_THROTTLE"
PWM_STEERING_THROTTLE = {
    "PWM_STEERING_PIN": "PCA9685.1:41.3",
    "PWM_STEERING_SCALE": 1.0,
    "PWM_STEERING_INVERTED": False,
    "PWM_THROTTLE_PIN": "PCA9685.1:41.2",
    "PWM_THROTTLE_SCALE": 1.0,
    "PWM_THROTTLE_INVERTED": False,
    "STEERING_LEFT_PWM": 470,
    "STEERING_RIGHT_PWM": 300,
    "THROTTLE_FORWARD_PWM": 460,
    "THROTTLE_STOPPED_PWM": 375,
    "THROTTLE_REVERSE_PWM": 280,
}
"""
)


def config(folder: Path, text: str) -> Path:
    path = folder / "myconfig.py"
    path.write_text(text)
    return path


def test_ticks_become_microseconds(tmp_path: Path) -> None:
    imported = read_donkeycar(config(tmp_path, TABLE))
    chip, steering, throttle = imported.calibration.chip, imported.calibration.steering, imported.calibration.throttle
    assert (chip.bus, chip.address) == (1, 0x41)
    assert (steering.channel, throttle.channel) == (3, 2)
    assert (steering.left_us, steering.centre_us, steering.right_us) == (1917.6, 1570.8, 1224.0)
    assert (throttle.reverse_us, throttle.neutral_us, throttle.forward_us) == (1142.4, 1530.0, 1876.8)
    assert "STEERING_LEFT_PWM 470 ticks = 1917.6 us" in imported.notes


@given(st.integers(250, 600))
def test_the_chip_gets_the_very_ticks_that_donkeycar_gave_it(ticks: int) -> None:
    assert round(round(ticks * TICK_US, 2) * 25e6 / 102 / 1e6) == ticks


def test_older_files_and_defaults(tmp_path: Path) -> None:
    text = 'DRIVE_TRAIN_TYPE = "I2C_SERVO"\nSTEERING_CHANNEL = 5\nPCA9685_I2C_BUSNUM = 0\n'
    text += "THROTTLE_STOPPED_PWM: int = 380\n"
    imported = read_donkeycar(config(tmp_path, text))
    assert imported.calibration.steering.channel == 5
    assert imported.calibration.chip.bus == 0
    assert imported.calibration.throttle.neutral_us == 1550.4
    assert "STEERING_LEFT_PWM is not set there: donkeycar's default 460" in imported.notes


def test_the_last_word_counts_and_a_scale_is_applied(tmp_path: Path) -> None:
    text = TABLE.replace('"PWM_STEERING_SCALE": 1.0', '"PWM_STEERING_SCALE": 0.9') + "\nDRIVE_LOOP_HZ = 20 + 1\n"
    assert (
        read_donkeycar(config(tmp_path, "PWM_STEERING_THROTTLE = {}\n" + text)).calibration.steering.left_us == 1725.84
    )


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("470", "left()", "PWM_STEERING_THROTTLE is not written out"),
        ("470", "'470'", "STEERING_LEFT_PWM is '470', not a number"),
        ("470", "True", "STEERING_LEFT_PWM is True, not a number"),
        ("470", "4700", "STEERING_LEFT_PWM is 4700; there are ticks from 1 to 4095"),
        ("470", "1e400", "there are ticks from 1 to 4095"),
        ("470", "100", "makes no car: steering.left_us: input should be greater"),
        ("375", "500", "neutral_us 2040 is not between"),
        ("41.3", "41.2", "both on channel 2"),
        ("1:41.3", "1:40.3", "two boards"),
        ("PCA9685.1:41.3", "RPI_GPIO.BOARD.33", "not a pin like"),
        ('STEERING_INVERTED": False', 'STEERING_INVERTED": True', "turns the signal upside down"),
        ('= "PWM_STEERING_THROTTLE"', '= "DC_STEER_THROTTLE"', "only a servo and an ESC on a PCA9685"),
        (
            "}\n",
            "}\nPWM_STEERING_THROTTLE['STEERING_LEFT_PWM'] = 4\n",
            "line 17: PWM_STEERING_THROTTLE is worked out there",
        ),
        ("}\n", "}\nif 1:\n    DRIVE_TRAIN_TYPE = 'MOCK'\n", "DRIVE_TRAIN_TYPE is worked out there"),
        ("{", "", "is no Python file"),
        ("{", "{" * 300, "is no Python file"),
    ],
)
def test_nonsense_is_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in TABLE
    with pytest.raises(CalibrationError, match=re.escape(complaint)) as raised:
        read_donkeycar(config(tmp_path, TABLE.replace(old, new, 1)))
    assert "\n" not in str(raised.value)


def test_the_file_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    read_donkeycar(config(tmp_path, f"open({str(mark)!r}, 'w')\nimport os\nos.mkdir('x')\n"))
    assert not mark.exists()


def test_the_command(manage, tmp_path: Path) -> None:
    process = manage("calibrate", "import", config(tmp_path, TABLE), "--car", tmp_path)
    assert process.returncode == 0, process.stderr
    assert "STEERING_LEFT_PWM 470 ticks = 1917.6 us" in process.stdout
    assert load_calibration(tmp_path).steering.left_us == 1917.6
    (tmp_path / "myconfig.py").write_text("PWM_STEERING_THROTTLE = 3")
    assert_one_line(manage("calibrate", "import", tmp_path / "myconfig.py", "--car", tmp_path), "is no dictionary")
    assert_one_line(manage("calibrate", "import", "/nowhere", "--car", tmp_path), "cannot read /nowhere")
    assert load_calibration(tmp_path).steering.left_us == 1917.6
