# Written by `make format`, from what the package exports when it is asked for.
from isthmus.parts.stops.loss_change import LossChange as LossChange
from isthmus.parts.stops.patience import Patience as Patience
from isthmus.parts.stops.target import Target as Target
from isthmus.parts.stops.time_limit import TimeLimit as TimeLimit
from isthmus.parts.stops.weight_change import WeightChange as WeightChange
