"""Several trained models as one: averages, bootstrap draws, snapshots, and the spread between members."""

from deepkit.ensembles.augmented import Augmented
from deepkit.ensembles.bootstrap import Bootstrap
from deepkit.ensembles.ensemble import Ensemble, ensemble
from deepkit.ensembles.snapshots import snapshots

__all__ = ["Augmented", "Bootstrap", "Ensemble", "ensemble", "snapshots"]
