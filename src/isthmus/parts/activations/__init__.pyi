# Written by `make format`, from what the package exports when it is asked for.
from isthmus.parts.activations.elu import Elu as Elu
from isthmus.parts.activations.function import Function as Function
from isthmus.parts.activations.gelu import Gelu as Gelu
from isthmus.parts.activations.identity import Identity as Identity
from isthmus.parts.activations.leaky_relu import LeakyRelu as LeakyRelu
from isthmus.parts.activations.prelu import Prelu as Prelu
from isthmus.parts.activations.relu import Relu as Relu
from isthmus.parts.activations.sigmoid import Sigmoid as Sigmoid
from isthmus.parts.activations.softplus import Softplus as Softplus
from isthmus.parts.activations.tanh import Tanh as Tanh
from isthmus.parts.activations.threshold import Threshold as Threshold
