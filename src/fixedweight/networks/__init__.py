"""What learns: recurrent networks, each written once as `init_params`, `init_state` and `step`."""

from fixedweight.networks.gated import GRU, LSTM
from fixedweight.networks.hypotheses import Hypotheses
from fixedweight.networks.kalman import KalmanMemory
from fixedweight.networks.lstm1997 import LSTM1997
from fixedweight.networks.memory import (
    DeltaMemory,
    GatedDeltaMemory,
    LeastSquaresMemory,
    Memory,
)
from fixedweight.networks.network import (
    Network,
    Params,
    State,
    check_network,
    from_config,
    initial_state,
    parameter_count,
)
from fixedweight.networks.paired import Paired
from fixedweight.networks.presented import Alternating, Presented, PreviousError
from fixedweight.networks.simple import Elman, FullyRecurrent, Jordan
from fixedweight.networks.srwm import SelfReferential
from fixedweight.networks.transformer import Transformer
from fixedweight.networks.uncertain import Gaussian, Quantiles, Uncertain
from fixedweight.networks.xlstm import MLSTM, SLSTM

NETWORKS: dict[str, type[Network]] = {
    network.__name__: network
    for network in (
        *(LSTM1997, Elman, Jordan, FullyRecurrent, LSTM, GRU, SelfReferential),
        *(SLSTM, MLSTM, DeltaMemory, GatedDeltaMemory, LeastSquaresMemory, Transformer),
        *(KalmanMemory, Hypotheses, PreviousError, Alternating, Gaussian, Quantiles),
    )
}
"""The networks a learner file may name; others are handed to `Learner.load`."""

__all__ = [
    "GRU",
    "LSTM",
    "LSTM1997",
    "MLSTM",
    "NETWORKS",
    "SLSTM",
    "Alternating",
    "DeltaMemory",
    "Elman",
    "FullyRecurrent",
    "GatedDeltaMemory",
    "Gaussian",
    "Hypotheses",
    "Jordan",
    "KalmanMemory",
    "LeastSquaresMemory",
    "Memory",
    "Network",
    "Paired",
    "Params",
    "Presented",
    "PreviousError",
    "Quantiles",
    "SelfReferential",
    "State",
    "Transformer",
    "Uncertain",
    "check_network",
    "from_config",
    "initial_state",
    "parameter_count",
]
