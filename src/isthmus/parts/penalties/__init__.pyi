# Written by `make format`, from what the package exports when it is asked for.
from isthmus.parts.penalties.contractive import Contractive as Contractive
from isthmus.parts.penalties.curvature import Curvature as Curvature
from isthmus.parts.penalties.dead_units import DeadUnits as DeadUnits
from isthmus.parts.penalties.distances import Distances as Distances
from isthmus.parts.penalties.l1 import L1 as L1
from isthmus.parts.penalties.l2 import L2 as L2
from isthmus.parts.penalties.laplacian import Laplacian as Laplacian
from isthmus.parts.penalties.margin import Margin as Margin
from isthmus.parts.penalties.mmd import MMD as MMD
from isthmus.parts.penalties.sparsity import Sparsity as Sparsity
from isthmus.parts.penalties.task_memory import TaskMemory as TaskMemory
from isthmus.parts.penalties.weight_decay import WeightDecay as WeightDecay
