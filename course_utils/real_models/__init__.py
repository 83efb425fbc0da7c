"""Two real models for lessons: SmolLM2-135M-Instruct and EfficientNet-Lite0, or small stand-ins for them.

    model, tokenizer = real_models.smollm2()
    network = real_models.efficientnet_lite0()

Their files are fetched once, after one question. Without a file a lesson gets a stand-in of the same kind with random
weights, on which its cells run as well; the line that is printed says so.
"""

from course_utils.real_models.efficientnet import (
    EfficientNetLite0,
    crops,
    efficientnet_lite0,
    photos,
    prepared,
)
from course_utils.real_models.fetching import FetchError, available, fetch
from course_utils.real_models.smollm2 import Missing, ask, read_gguf, smollm2, smollm2_file

__all__ = [
    "EfficientNetLite0",
    "FetchError",
    "Missing",
    "ask",
    "available",
    "crops",
    "efficientnet_lite0",
    "fetch",
]
__all__ += ["photos", "prepared", "read_gguf", "smollm2", "smollm2_file"]
