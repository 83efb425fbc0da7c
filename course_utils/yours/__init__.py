"""A network of your own: what it weighs, how long it takes, and which way to make it smaller or faster fits it.

    sheet = yours.look(model, batches)
    yours.run(sheet)
    yours.cut(sheet)
    yours.table(sheet)
    yours.recommend(sheet, {"mb": 5})

The worksheet `notebooks/8_capstone/your_network.ipynb` goes through it cell by cell; `course.py weigh FILE` does all of
it at once. Each step works on a copy, ends after about a minute, and answers with a sentence where it cannot go on.
"""

from course_utils.yours.forms import Row, Way
from course_utils.yours.result import figure, recommend, table
from course_utils.yours.sheet import Sheet, bytes_of, layers_of, look
from course_utils.yours.shipped import ship
from course_utils.yours.ways import blame, cut, cut_then_int8, routes, run
from course_utils.yours.weighing import weigh

__all__ = ["Row", "Sheet", "Way", "blame", "bytes_of", "cut", "cut_then_int8", "figure", "layers_of", "look"]
__all__ += ["recommend", "routes", "run", "ship", "table", "weigh"]
