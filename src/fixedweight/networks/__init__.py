"""What learns: recurrent networks, each written once as `init_params`, `init_state` and `step`."""

from fixedweight.networks.lstm1997 import LSTM1997
from fixedweight.networks.network import (
    Network,
    Params,
    State,
    check_network,
    initial_state,
    parameter_count,
)

NETWORKS: dict[str, type[Network]] = {network.__name__: network for network in (LSTM1997,)}
"""The networks a learner file may name; others are handed to `Learner.load`."""

__all__ = [
    "LSTM1997",
    "NETWORKS",
    "Network",
    "Params",
    "State",
    "check_network",
    "initial_state",
    "parameter_count",
]
