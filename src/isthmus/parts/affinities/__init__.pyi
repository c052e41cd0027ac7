# Written by `make format`, from what the package exports when it is asked for.
from isthmus.parts.affinities.ball import Ball as Ball
from isthmus.parts.affinities.heat_kernel import HeatKernel as HeatKernel
from isthmus.parts.affinities.same_label import SameLabel as SameLabel
from isthmus.parts.affinities.squared_distance import SquaredDistance as SquaredDistance
