# Written by `make format`, from what the package exports when it is asked for.
from isthmus.parts.priors.mixture import Mixture as Mixture
from isthmus.parts.priors.normal import Normal as Normal
from isthmus.parts.priors.swiss_roll import SwissRoll as SwissRoll
