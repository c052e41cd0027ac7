"""The scikit-learn face: the only floor that knows scikit-learn."""
