# Written by `make format`, from what the package exports when it is asked for.
from isthmus.parts.scalings.center import Center as Center
from isthmus.parts.scalings.minmax import Minmax as Minmax
from isthmus.parts.scalings.none import None_ as None_
from isthmus.parts.scalings.normal import Normal as Normal
from isthmus.parts.scalings.pixels import Pixels as Pixels
from isthmus.parts.scalings.quantile import Quantile as Quantile
from isthmus.parts.scalings.standard import Standard as Standard
