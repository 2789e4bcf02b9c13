"""Worlds for one car: a table of distributions, centred on what was measured of it, as wide as that is uncertain."""

from collections.abc import Mapping

from sim_bridge.scene import Table, Uniform

BOUNDS = {  # what no lens, servo or program goes beyond
    "camera_fov_deg": (10.0, 178.0),
    "camera_fisheye": (0.0, 1.0),
    "latency_s": (0.0, 2.0),
    "servo_lag_s": (0.001, 2.0),
}


def centred(table: Table, measured: Mapping[str, tuple[float, float]]) -> Table:
    """measured: lines of the table, with value and half width. The other lines stay: what nobody has measured may be
    anything."""
    lines: Table = {}
    for name, (value, width) in measured.items():
        low, high = BOUNDS.get(name, (float("-inf"), float("inf")))
        lines[name] = Uniform(*(float(min(max(end, low), high)) for end in (value - width, value + width)))
    return table | lines
