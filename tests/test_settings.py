from pathlib import Path

import pytest

from settings import Settings, SettingsError, load_settings
from tests.conftest import assert_one_line


def write(car: Path, text: str) -> Path:
    (car / "settings.toml").write_text(text)
    return car


def test_a_car_without_a_file_has_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == Settings()


def test_what_is_written_counts(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, '[drive]\nmode = "user"\nthrottle_cap = 0.3\n'))
    assert (settings.drive.mode, settings.drive.throttle_cap) == ("user", 0.3)
    assert settings.drive.throttle_multiplier == Settings().drive.throttle_multiplier


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[drive]\nthrotle_cap = 0.3", "drive.throtle_cap is no setting; did you mean throttle_cap?"),
        ("[driev]\n", "driev is no setting; did you mean drive?"),
        ("[drive]\nxyzzy = 1", "drive.xyzzy is no setting; known here: mode, throttle_cap"),
        ("[drive]\nthrottle_cap = 1.5", "drive.throttle_cap: input should be less than or equal to 1, not 1.5"),
        ("[drive]\nthrottle_cap = nan", "drive.throttle_cap: input should be"),
        ('[drive]\nthrottle_cap = "fast"', "drive.throttle_cap: input should be a valid number"),
        ('[drive]\nmode = "pilot"', "drive.mode: input should be 'user', 'local_angle' or 'local', not 'pilot'"),
        ("[drive\n", "is not TOML"),
        ("drive = 3", "drive: input should be"),
    ],
)
def test_a_mistake_is_named_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(write(tmp_path, text))
    assert complaint in str(raised.value)
    assert str(tmp_path / "settings.toml") in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot read"):
        load_settings(tmp_path)


def test_drive_says_it_in_one_line(manage, tmp_path: Path) -> None:
    write(tmp_path, "[drive]\nthrotle_cap = 0.3")
    assert_one_line(manage("drive", "--car", tmp_path, "--laps", "1"), "throtle_cap", "did you mean throttle_cap?")
