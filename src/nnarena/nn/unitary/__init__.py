"""Maps from unconstrained numbers to unitary matrices, and what goes with them."""

from .activation import modrelu as modrelu
from .exponential import (
    ExponentialMap as ExponentialMap,
    exponential as exponential,
    identity as identity,
    random_phases as random_phases,
)
from .forms import (
    nearest_unitary as nearest_unitary,
    real_form as real_form,
    skew_hermitian as skew_hermitian,
)
from .rotations import (
    RotationMap as RotationMap,
    Start as Start,
    rotations as rotations,
)
