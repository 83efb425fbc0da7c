"""Fashion-MNIST and MNIST as tensors in memory, and the small trained networks that come with the course."""

from course_utils.data.files import FOLDER, DataError, Problem, verify
from course_utils.data.images import CLASSES, load

__all__ = ["CLASSES", "FOLDER", "DataError", "Problem", "load", "verify"]
