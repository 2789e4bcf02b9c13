"""`manage.py evaluate`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from commands.options import DEFAULT_CAR, CarOption, CrossingsOption, ModelOption, crossings_need_a_track
from errors import UserError
from settings import PROJECT

app = typer.Typer()


@app.command()
def evaluate(
    model: ModelOption = None,
    drives: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where a film and a summary go. Default: the car's drives/."),
    ] = None,
    tracks: Annotated[
        int | None,
        typer.Option(min=1, help="Tracks never trained on, one car on each [50]; with --track, cars on each [5]."),
    ] = None,
    track: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="CSV", help="On this centre line (x,y in metres), or all in a folder of them. May be repeated."
        ),
    ] = None,
    crossings: CrossingsOption = False,
    laps: Annotated[int, typer.Option(min=1, help="To be driven on each without leaving the road.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Names the set of tracks.")] = 0,
    tub: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH", help="Instead: on a recording, or a folder of them, beside its human. May be repeated."
        ),
    ] = None,
    table: Annotated[str, typer.Option(help="Worlds to drive in: evaluation, training, wide or real.")] = "evaluation",
    calibration: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="In those worlds, by one car: its folder, or its car.toml."),
    ] = None,
    constant_throttle: Annotated[
        float | None, typer.Option(min=0, max=1, help="The policy steers; the throttle stays at this.")
    ] = None,
    still: Annotated[
        bool, typer.Option("--still", help="With --tub: nothing moves in what it is shown, each frame fills the stack.")
    ] = False,
    reports: Annotated[Path, typer.Option(metavar="FOLDER", help="Where a picture of each recording goes.")] = PROJECT
    / "reports",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with each track or clip, instead of the table.")
    ] = False,
    car: CarOption = DEFAULT_CAR,
) -> None:
    """Measure a policy: closed loop on unseen tracks, int8 and float on the same ones, beside a driver that sees it.
    With --tub, open loop on recordings: does it steer as the human did?"""
    from car.wheel import choose_model

    crossings_need_a_track(crossings, track)
    if tub and track:
        raise UserError("--track drives and --tub looks on; give one of them")
    if constant_throttle is not None and tub:
        raise UserError("--constant-throttle drives, and --tub looks on; give one of them")
    if still and not tub:
        raise UserError("--still is for recordings; name one with --tub PATH, or leave it out")
    if calibration and tub:
        raise UserError("--calibration is a car to drive, and --tub looks on; give one of them")
    chosen = choose_model(car, model, real=bool(tub))
    if tub:
        from trainer import footage

        on_footage = footage.evaluate_footage(chosen, tub, reports, still=still, progress=not as_json)
        if as_json:
            print(json.dumps(on_footage.as_json()))
        else:
            footage.table(on_footage, reports)
        return
    from calibration.car_file import read_calibration
    from calibration.known import known
    from sim_bridge.track_file import read_centre_lines
    from trainer.report import evaluate_model, leave_evaluation, print_table

    lines = read_centre_lines(track or [], crossings=crossings)
    result = evaluate_model(
        chosen, tracks, laps, seed, table=table, centre_lines=lines, constant_throttle=constant_throttle,
        measured=known(read_calibration(calibration)) if calibration else {}, progress=not as_json,
    )  # fmt: skip
    left = leave_evaluation(chosen, result, drives or car / "drives")
    if as_json:
        print(json.dumps(result.as_json()))
    else:
        print_table(result)
        print(f"a film and a summary of it are in {left}")
