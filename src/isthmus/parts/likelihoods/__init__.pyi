# Written by `make format`, from what the package exports when it is asked for.
from isthmus.parts.likelihoods.absolute_error import AbsoluteError as AbsoluteError
from isthmus.parts.likelihoods.bernoulli import Bernoulli as Bernoulli
from isthmus.parts.likelihoods.binary_hinge import BinaryHinge as BinaryHinge
from isthmus.parts.likelihoods.categorical import Categorical as Categorical
from isthmus.parts.likelihoods.codes import Codes as Codes
from isthmus.parts.likelihoods.columns import Columns as Columns
from isthmus.parts.likelihoods.gaussian import Gaussian as Gaussian
from isthmus.parts.likelihoods.hinge import Hinge as Hinge
from isthmus.parts.likelihoods.histogram import Histogram as Histogram
from isthmus.parts.likelihoods.listwise import Listwise as Listwise
from isthmus.parts.likelihoods.mixture import Mixture as Mixture
from isthmus.parts.likelihoods.pairwise import Pairwise as Pairwise
from isthmus.parts.likelihoods.squared_error import SquaredError as SquaredError
