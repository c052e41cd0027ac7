# Written by `make format`, from what the package exports when it is asked for.
from isthmus.parts.optimizers.adadelta import Adadelta as Adadelta
from isthmus.parts.optimizers.adagrad import Adagrad as Adagrad
from isthmus.parts.optimizers.adam import Adam as Adam
from isthmus.parts.optimizers.cg import Cg as Cg
from isthmus.parts.optimizers.clipped import Clipped as Clipped
from isthmus.parts.optimizers.lbfgs import Lbfgs as Lbfgs
from isthmus.parts.optimizers.lion import Lion as Lion
from isthmus.parts.optimizers.rmsprop import Rmsprop as Rmsprop
from isthmus.parts.optimizers.sgd import Sgd as Sgd
