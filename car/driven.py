"""How far and how well a car in a simulator has driven."""


class Driven:
    """A car in a simulator, as whoever asks how it drives knows it: since the beginning, all its starts together.

    Whose simulator it is counts each step with `_count` and each return to the road with `_put_back`. Times are
    simulated ones.
    """

    def __init__(self) -> None:
        self.command = (0.0, 0.0)  # steering, throttle
        self.offset_m = 0.0  # of the car's centre from the centre line, + left
        self.driven_s = 0.0
        self.lap_s: list[float] = []
        self.off_roads = 0
        self._laps_before = self._laps_here = 0  # of the starts before, and since the last one
        self._lap_began_s = 0.0
        self._driven_m = self._offset_sum_m = self._worst_m = 0.0
        self._steps = 0

    @property
    def laps(self) -> int:
        """Whole laps driven, over all starts."""
        return self._laps_before + self._laps_here

    def words(self) -> str:
        """In a line."""
        return (
            f"laps {self.laps}  {100 * abs(self.offset_m):.0f} cm from the centre  left the road {self.off_roads} times"
        )

    def figures(self) -> dict[str, object]:
        """In a file."""
        return {
            "laps": self.laps,
            "lap_s": [round(one, 2) for one in self.lap_s],
            "driven_s": round(self.driven_s, 2),
            "driven_m": round(self._driven_m, 2),
            "off_roads": self.off_roads,
            "mean_offset_m": round(self._offset_sum_m / max(1, self._steps), 4),
            "worst_offset_m": round(self._worst_m, 4),
        }

    def _count(self, went_by_s: float, progress_m: float, offset_m: float, laps: int, lap_s: float | None) -> None:
        """A step. laps: whole ones since the last start. lap_s: the last one's time, where the simulator tells it."""
        self._steps += 1
        self.driven_s += went_by_s
        self._driven_m += progress_m
        self.offset_m, self._laps_here = offset_m, laps
        self._offset_sum_m += abs(offset_m)
        self._worst_m = max(self._worst_m, abs(offset_m))
        if self.laps > len(self.lap_s):
            self.lap_s.append(self.driven_s - self._lap_began_s if lap_s is None else lap_s)
            self._lap_began_s = self.driven_s

    def _put_back(self, offset_m: float) -> None:
        """It had left the road, and stands at a start again: there."""
        self.off_roads += 1
        self._laps_before, self._laps_here = self.laps, 0
        self._lap_began_s = self.driven_s
        self.offset_m = offset_m
