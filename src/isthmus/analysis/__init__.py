"""What can be asked of fitted models: units, evidence, gradients, optimizers, series, imputations."""
