# Written by `make format`, from what the package exports when it is asked for.
from isthmus.parts.neighborhoods.margin import Margin as Margin
from isthmus.parts.neighborhoods.nearest import Nearest as Nearest
from isthmus.parts.neighborhoods.same_class import SameClass as SameClass
