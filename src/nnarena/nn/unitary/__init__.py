"""Maps from unconstrained numbers to unitary matrices, and what goes with them."""

from .activation import modrelu as modrelu, real_modrelu as real_modrelu
from .cayley import CayleyMap as CayleyMap
from .composition import CompositionMap as CompositionMap
from .exponential import (
    ExponentialMap as ExponentialMap,
    error_bound as error_bound,
    exponential as exponential,
    pade as pade,
    taylor as taylor,
)
from .forms import (
    AbstractUnitaryMap as AbstractUnitaryMap,
    nearest_unitary as nearest_unitary,
    real_form as real_form,
)
from .generators import (
    SkewHermitian as SkewHermitian,
    SkewSymmetric as SkewSymmetric,
    Triangle as Triangle,
    in_planes as in_planes,
    skew_hermitian as skew_hermitian,
)
from .householder import HouseholderMap as HouseholderMap
from .maps import (
    DEGREE as DEGREE,
    MapName as MapName,
    Start as Start,
    unitary_map as unitary_map,
)
from .rotations import RotationMap as RotationMap
