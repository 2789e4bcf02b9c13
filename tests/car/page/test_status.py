"""/status, for a script; and that docs/driving.md explains every key of it."""

import json
import re

from car.simulated import SimulatedCar
from models.contract import Contract
from settings import PROJECT
from tests.car.page.car import Car
from tests.car.page.test_server import car, fetch  # noqa: F401 - a fixture


def explained() -> set[str]:
    """The keys in the tables of the page's chapter on /status."""
    text = (PROJECT / "docs" / "driving.md").read_text(encoding="utf-8")
    chapter = text.partition("## /status")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?`) \|", chapter, re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}


def test_it_is_json_behind_the_token_and_every_key_is_explained(car: Car) -> None:  # noqa: F811
    assert fetch(car, "/status", "wrong").code == 403
    answer = fetch(car, "/status")
    assert answer.headers["Content-Type"].startswith("application/json")
    status = json.loads(answer.body)
    assert (status["label"], status["driveMode"], status["driver"]) == ("A TEST", "user", "nobody")
    assert (status["pages"], status["viewers"]) == (0, 0)
    assert car.page.server.token not in answer.body.decode()
    assert explained() == set(status) | set(SimulatedCar(Contract().observation, seed=1).progress())
