"""The wiring of our contender `ncp`, as arguments of `ncps.wirings.NCP`."""


def circuit(hidden: int) -> dict[str, int]:
    """Returns how many neurons there are of each kind, and how many each touches.

    Neurons touch half of the next layer, the shares of `AutoNCP` at sparsity 0.5.
    """
    inter = -(-3 * hidden // 2)
    half = max(hidden // 2, 1)
    return {
        "inter_neurons": inter,
        "command_neurons": hidden,
        "motor_neurons": hidden,
        "sensory_fanout": max(inter // 2, 1),
        "inter_fanout": half,
        "recurrent_command_synapses": hidden,
        "motor_fanin": half,
    }
