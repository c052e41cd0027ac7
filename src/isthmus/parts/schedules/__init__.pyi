# Written by `make format`, from what the package exports when it is asked for.
from isthmus.parts.schedules.cosine import Cosine as Cosine
from isthmus.parts.schedules.exponential import Exponential as Exponential
from isthmus.parts.schedules.inverse_time import InverseTime as InverseTime
from isthmus.parts.schedules.linear import Linear as Linear
from isthmus.parts.schedules.plateau import Plateau as Plateau
from isthmus.parts.schedules.warmup import Warmup as Warmup
