"""The wiring has the degrees that were asked for, and is the same every time."""

import numpy as np
import pytest

from nnarena.nn.wiring import Edges, edges, policy_wiring


MOTOR, COMMAND, INTER, FEATURES = 4, 7, 9, 6
FANOUTS = {
    "sensory_fanout": 3,
    "inter_fanout": 2,
    "recurrent_command": 14,
    "motor_fanin": 3,
}
LAYERS = {
    "motor": range(MOTOR),
    "command": range(MOTOR, MOTOR + COMMAND),
    "inter": range(MOTOR + COMMAND, MOTOR + COMMAND + INTER),
}


def wire(features: int = FEATURES, *, seed: int = 22222, **numbers: int):
    """Returns a wiring of the sizes above, some of them changed."""
    sizes = {"inter": INTER, "command": COMMAND, "motor": MOTOR}
    return policy_wiring(features, **{**sizes, **FANOUTS, **numbers}, seed=seed)


def matrix(found: Edges) -> np.ndarray:
    """Returns the polarities as a matrix; no pair may have two synapses."""
    dense = np.zeros((found.sources, found.targets), np.int32)
    np.add.at(dense, (found.source, found.target), found.polarity.astype(np.int32))
    assert set(np.unique(dense)) <= {-1, 0, 1}
    assert np.count_nonzero(dense) == len(found.source)
    return dense


def block(dense: np.ndarray, source: str, target: str) -> np.ndarray:
    """Returns the synapses from one layer to another."""
    return dense[np.ix_(LAYERS[source], LAYERS[target])]


@pytest.mark.parametrize("seed", range(5))
def test_every_layer_has_the_degrees_asked_for(seed: int):
    wiring = wire(seed=seed)
    sensory, recurrent = matrix(wiring.sensory), matrix(wiring.recurrent)
    to_inter = np.abs(sensory[:, LAYERS["inter"]])
    to_command = np.abs(block(recurrent, "inter", "command"))
    to_motor = np.abs(block(recurrent, "command", "motor"))
    assert (to_inter.sum(axis=1) >= 3).all()
    assert (to_command.sum(axis=1) >= 2).all()
    assert (to_motor.sum(axis=0) >= 3).all()
    assert np.abs(block(recurrent, "command", "command")).sum() == 14
    for reached in (to_inter.sum(axis=0), to_command.sum(axis=0), to_motor.sum(axis=1)):
        assert (reached >= 1).all()


def test_where_all_are_reached_degrees_are_exact():
    wiring = wire(30, inter=40, sensory_fanout=20, inter_fanout=3, seed=1)
    to_inter = np.bincount(wiring.sensory.source, minlength=30)
    np.testing.assert_array_equal(to_inter, 20)
    from_inter = np.bincount(wiring.recurrent.source)[MOTOR + COMMAND :]
    np.testing.assert_array_equal(from_inter, 3)


def test_a_neuron_left_out_gets_the_mean_of_its_layer():
    """One input into 2 of 9: the other 7 must be reached once each by the same one."""
    wiring = wire(1, sensory_fanout=2)
    reached = np.bincount(wiring.sensory.target)[LAYERS["inter"]]
    np.testing.assert_array_equal(reached, 1)


def test_layers_are_joined_in_order_alone():
    wiring = wire()
    sensory, recurrent = matrix(wiring.sensory), matrix(wiring.recurrent)
    assert not sensory[:, : MOTOR + COMMAND].any()
    allowed = {("inter", "command"), ("command", "command"), ("command", "motor")}
    for source in LAYERS:
        for target in LAYERS:
            joined = bool(block(recurrent, source, target).any())
            assert joined == ((source, target) in allowed), (source, target)


def test_both_polarities_occur_about_equally():
    wiring = wire(100, inter=100, sensory_fanout=50)
    assert abs(float(np.mean(wiring.sensory.polarity))) < 0.05


def test_the_seed_is_all_that_a_wiring_depends_on():
    np.testing.assert_array_equal(matrix(wire().sensory), matrix(wire().sensory))
    assert (matrix(wire().sensory) != matrix(wire(seed=1).sensory)).any()


def test_edges_are_the_matrix_they_came_from():
    dense = np.random.default_rng(0).integers(-1, 2, (5, 8)).astype(np.int32)
    np.testing.assert_array_equal(matrix(edges(dense)), dense)


@pytest.mark.parametrize(
    ("numbers", "name"),
    [
        ({"sensory_fanout": 10}, "sensory_fanout"),
        ({"inter_fanout": 8}, "inter_fanout"),
        ({"motor_fanin": 8}, "motor_fanin"),
        ({"motor_fanin": 0}, "motor_fanin"),
        ({"recurrent_command": 50}, "recurrent_command"),
        ({"motor": 0}, "motor"),
        ({"inter": 0}, "sensory_fanout"),
    ],
)
def test_impossible_degrees_are_refused(numbers: dict[str, int], name: str):
    with pytest.raises(ValueError, match=name):
        wire(**numbers)
