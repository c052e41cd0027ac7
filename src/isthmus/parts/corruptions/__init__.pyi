# Written by `make format`, from what the package exports when it is asked for.
from isthmus.parts.corruptions.block import Block as Block
from isthmus.parts.corruptions.gaussian import Gaussian as Gaussian
from isthmus.parts.corruptions.masking import Masking as Masking
from isthmus.parts.corruptions.salt_and_pepper import SaltAndPepper as SaltAndPepper
from isthmus.parts.corruptions.swap import Swap as Swap
from isthmus.parts.corruptions.varied_masking import VariedMasking as VariedMasking
