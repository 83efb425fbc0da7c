"""The library under the course: one module a topic; import the modules, not this package."""

import logging
import os
import warnings

# Read when torch's benchmark and profiler are first used; their lines would land in a lesson's output.
# A CUDA compiler without a GPU is no fault here. The first level is read when torch is imported: course.py sets it too.
NOISE = {
    "torch.utils.cpp_extension": "No CUDA runtime is found",
    "torch.utils._pytree": "Enum subclass",
}  # torchao is registering enums of its own: a remark for its developers
for name, words in NOISE.items():
    logging.getLogger(name).addFilter(lambda record, words=words: words not in record.getMessage())
# Lightning imports transformers where it is installed, and that the bars of tqdm.auto, which are text where the package
# that would draw them is not installed.
warnings.filterwarnings("ignore", "IProgress not found")
os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
os.environ.setdefault("KINETO_LOG_LEVEL", "9")
