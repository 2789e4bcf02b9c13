import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.contract import ActionTable, Contract, ObservationSpec

positive_bins = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=5, unique=True).map(sorted)
levels = st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=4, unique=True).map(sorted)


@st.composite
def tables(draw) -> ActionTable:
    right = draw(positive_bins)
    steering = (*(-value for value in reversed(right)), 0.0, *right)
    turns_rad_per_m = draw(st.none() | st.floats(0.1, 20))
    return ActionTable(steering=steering, throttle=tuple(draw(levels)), turns_rad_per_m=turns_rad_per_m)


@given(tables())
def test_every_action_decodes_to_a_pair_of_its_own(table: ActionTable) -> None:
    pairs = [table.decode(action) for action in range(len(table))]
    assert len(set(pairs)) == len(table) == len(table.steering) * len(table.throttle)


@given(tables())
def test_mirroring_negates_steering_keeps_throttle_and_undoes_itself(table: ActionTable) -> None:
    for action in range(len(table)):
        steering, throttle = table.decode(action)
        assert table.decode(table.mirrored(action)) == (-steering, throttle)
        assert table.mirrored(table.mirrored(action)) == action


@pytest.mark.parametrize("action", [-1, 7, 1000])
def test_an_action_that_is_not_in_the_table_is_an_error(action: int) -> None:
    with pytest.raises(IndexError, match="not in a table of 7"):
        ActionTable().decode(action)


@pytest.mark.parametrize(
    "steering", [(), (0.5, 0.0, -0.5), (-1.0, 0.0, 0.5), (-2.0, 0.0, 2.0), (float("nan"),), (0.0, 0.0)]
)
def test_a_table_must_be_ascending_symmetric_and_in_range(steering: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        ActionTable(steering=steering)


def test_a_contract_is_frozen_and_knows_no_other_keys() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Contract().version = 2
    with pytest.raises(ValidationError, match="Extra inputs"):
        Contract.model_validate({"observatoin": {}})


def test_the_digest_names_the_contract() -> None:
    assert Contract().digest == Contract.model_validate_json(Contract().model_dump_json()).digest
    assert Contract().digest != Contract(observation=ObservationSpec(stack=3)).digest
    # The shipped model and every model out there carry this one: changing it makes them undrivable.
    assert Contract().digest == "c4665073f5178daec5d8e0a528fb694837c14e94c8f3332687edf069ac0f7de0"


def test_what_steering_means_is_told_only_where_it_means_something() -> None:
    """A car that was not updated refuses keys that it does not know."""
    assert "turns_rad_per_m" not in Contract().model_dump_json()
    assert ActionTable().model_dump(exclude_unset=True) == {}
    meant = Contract(actions=ActionTable(turns_rad_per_m=2.3))
    assert Contract.model_validate_json(meant.model_dump_json()).actions.turns_rad_per_m == 2.3
    assert meant.digest != Contract().digest


@st.composite
def specs(draw) -> ObservationSpec:
    height = draw(st.integers(24, 480))
    return ObservationSpec(
        frame_width=draw(st.integers(32, 640)),
        frame_height=height,
        crop_top=draw(st.integers(0, height - 1)),
        size=draw(st.integers(16, 256)),
        stack=draw(st.integers(1, 8)),
        period_s=draw(st.floats(0.001, 1)),
    )


@given(specs(), tables(), specs(), tables())
def test_a_contract_travels_as_json_and_only_equal_ones_share_a_digest(
    spec: ObservationSpec, table: ActionTable, other_spec: ObservationSpec, other_table: ActionTable
) -> None:
    contract = Contract(observation=spec, actions=table)
    again = Contract.model_validate_json(contract.model_dump_json())
    assert again == contract
    assert again.digest == contract.digest
    other = Contract(observation=other_spec, actions=other_table)
    assert (other.digest == contract.digest) == (other == contract)


def test_a_crop_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="leaves nothing"):
        ObservationSpec(crop_top=120)
