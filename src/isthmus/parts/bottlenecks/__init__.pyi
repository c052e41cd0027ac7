# Written by `make format`, from what the package exports when it is asked for.
from isthmus.parts.bottlenecks.adversarial import Adversarial as Adversarial
from isthmus.parts.bottlenecks.deterministic import Deterministic as Deterministic
from isthmus.parts.bottlenecks.importance_weighted import ImportanceWeighted as ImportanceWeighted
from isthmus.parts.bottlenecks.nested import Nested as Nested
from isthmus.parts.bottlenecks.top_k import TopK as TopK
from isthmus.parts.bottlenecks.variational import Variational as Variational
