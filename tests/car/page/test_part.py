"""What the part does with what was heard. The server runs, but nobody calls: messages are put where it puts them."""

from collections.abc import Iterator

import pytest

from car.page.message import Message
from car.page.part import LEFT, PAD, THROTTLE_HELD
from car.page.seat import SILENT_NS
from tests.car.page.car import Car, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def car(clock: Clock) -> Iterator[Car]:
    """Parked: it moves on by `round` alone, and by the clock of the test."""
    car = Car()
    car.park()
    car.page.shared.seat._clock_ns = clock
    yield car
    car.close()


def say(car: Car, who: str, **said: object) -> bool:
    heard = car.page.shared.hear(who, Message(**said))
    car.round()
    return heard


def test_a_driver_drives(car: Car) -> None:
    say(car, "a", angle=-0.5, throttle=0.1, drive_mode="local_angle", recording=True)
    assert (car.steering, car.throttle, car.mode, car.recording) == (-0.5, 0.1, "local_angle", True)
    assert not car.armed


def test_what_the_memory_says_stays_unless_the_driver_says_otherwise(car: Car) -> None:
    car.mode, car.recording, car.armed = "local", True, True
    say(car, "a", angle=0.0)
    assert (car.mode, car.recording, car.armed, car.stop) == ("local", True, True, False)


def test_arming_is_an_act_of_its_own_and_not_with_the_throttle_held(car: Car) -> None:
    say(car, "a", throttle=0.1)
    say(car, "a", arm=True)
    assert not car.armed
    assert car.page.shared.shown.note == THROTTLE_HELD
    say(car, "a", throttle=0.0, arm=True)
    assert car.armed
    assert car.page.shared.shown.note == ""
    say(car, "a", arm=False)
    assert not car.armed


def test_anyone_stops_and_only_the_driver_releases(car: Car) -> None:
    say(car, "a", throttle=0.0, arm=True)
    assert say(car, "b", stop=True)
    assert (car.armed, car.stop) == (False, True)
    say(car, "a", arm=True)
    assert (car.armed, car.stop) == (False, True)
    assert not say(car, "b", stop=False)
    assert car.stop
    say(car, "a", stop=False)
    assert (car.armed, car.stop) == (False, False)
    say(car, "a", arm=True)
    assert (car.armed, car.stop) == (True, False)


def test_a_stop_outranks_what_came_with_it(car: Car) -> None:
    shared = car.page.shared
    shared.hear("b", Message(stop=True))
    shared.hear("a", Message(throttle=0.0, stop=False))
    shared.hear("a", Message(throttle=0.0, arm=True))
    car.round()
    assert (car.armed, car.stop) == (False, True)


@pytest.mark.parametrize("mode", ["user", "local_angle"])
def test_a_silent_driver_is_stopped_and_told(car: Car, clock: Clock, mode: str) -> None:
    say(car, "a", angle=0.5, throttle=0.0, drive_mode=mode, arm=True)
    say(car, "a", throttle=0.2)
    assert (car.throttle, car.armed) == (0.2, True)
    clock.now_ns += SILENT_NS + 1
    car.round()
    assert (car.steering, car.throttle, car.armed) == (0.0, 0.0, False)
    assert car.page.shared.shown.note == LEFT
    say(car, "a", throttle=0.2)  # it is back: it has the wheel, but the car stays where it is until armed
    assert (car.throttle, car.armed) == (0.2, False)


def test_the_autopilot_stops_when_the_page_that_armed_it_is_gone_and_only_then(car: Car, clock: Clock) -> None:
    car.mode, car.armed = "local", True  # by the terminal
    say(car, "a", angle=0.0)
    clock.now_ns += SILENT_NS + 1
    car.round()
    assert car.armed
    say(car, "a", arm=False)
    say(car, "a", arm=True)
    assert car.armed
    clock.now_ns += SILENT_NS + 1
    car.round()
    assert not car.armed


def test_what_another_armed_is_not_the_pages(car: Car, clock: Clock) -> None:
    say(car, "a", drive_mode="local", throttle=0.0, arm=True)
    say(car, "b", stop=True)
    car.round()
    car.armed, car.stop = True, False  # released and armed by the terminal
    car.round()
    clock.now_ns += SILENT_NS + 1
    car.round()
    assert car.armed


def test_another_driver_in_the_very_next_round_is_another_driver(car: Car) -> None:
    say(car, "a", throttle=0.0, arm=True)
    car.page.shared.seat.leave("a")
    assert say(car, "b", throttle=0.2)
    assert (car.throttle, car.armed) == (0.2, False)


def test_a_wish_of_one_who_is_gone_is_forgotten(car: Car) -> None:
    car.page.shared.hear("a", Message(throttle=0.0, drive_mode="local", arm=True))
    car.page.shared.seat.leave("a")
    car.round()
    assert (car.mode, car.armed) == ("user", False)


def test_while_a_pad_drives_the_page_watches_and_stops(car: Car) -> None:
    say(car, "a", throttle=0.0, arm=True)
    car.pad = (0.3, 0.1)
    car.round()
    assert (car.steering, car.throttle, car.armed) == (0.3, 0.1, False)
    assert car.page.shared.shown.note == PAD
    assert not say(car, "a", angle=1.0, throttle=1.0, drive_mode="local")
    assert (car.steering, car.throttle, car.mode) == (0.3, 0.1, "user")
    say(car, "a", stop=True)
    assert car.stop


def test_it_takes_the_stock_parts_place_in_donkeycars_own_vehicle(car: Car) -> None:
    """Its four inputs and the first four of its outputs."""
    from car.vehicle import DonkeyVehicle

    class Ends:
        def run(self, *seen: object) -> None:
            self.seen, vehicle.on = seen, False

    vehicle, ends = DonkeyVehicle(), Ends()
    inputs = ["cam/image_array", "tub/num_records", "user/mode", "recording"]
    outputs = ["user/steering", "user/throttle", "user/mode", "recording"]
    vehicle.add(car.page, inputs=inputs, outputs=outputs)
    vehicle.add(ends, inputs=outputs)
    car.page.shared.hear("a", Message(angle=-0.25, throttle=0.5, drive_mode="local", recording=True))
    vehicle.start(rate_hz=1000)
    assert ends.seen == (-0.25, 0.5, "local", True)
