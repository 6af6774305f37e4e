"""What tests ask of the package, as one program: by itself each of its steps is one."""

import equinox as eqx

from nnarena.nn import ode, unroll as loop


unroll = eqx.filter_jit(loop.unroll)
integrate = eqx.filter_jit(ode.integrate)
