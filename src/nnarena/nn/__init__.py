"""Parts that entrants share: parametrizations, the scan, ODE steps, attention."""
