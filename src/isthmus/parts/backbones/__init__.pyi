# Written by `make format`, from what the package exports when it is asked for.
from isthmus.parts.backbones.conv import Conv as Conv
from isthmus.parts.backbones.hyper import Hyper as Hyper
from isthmus.parts.backbones.mlp import MLP as MLP
from isthmus.parts.backbones.recurrent import Recurrent as Recurrent
from isthmus.parts.backbones.residual import Residual as Residual
from isthmus.parts.backbones.sequential import Sequential as Sequential
from isthmus.parts.backbones.squeeze_excite import SqueezeExcite as SqueezeExcite
from isthmus.parts.backbones.text import Text as Text
