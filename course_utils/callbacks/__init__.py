"""Callbacks for Lightning: pruning by a schedule, and quantization-aware training.

Only this package, its bench and lesson 14 import Lightning.
"""

from course_utils.callbacks._masks import load_masked
from course_utils.callbacks.pruning import PruningSchedule
from course_utils.callbacks.quantization import QuantizationAwareTraining

__all__ = ["PruningSchedule", "QuantizationAwareTraining", "load_masked"]
