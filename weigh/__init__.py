"""A network of your own: what it weighs, how long it takes, and which way to make it smaller or faster fits it.

    sheet = weigh.look(model, batches)
    weigh.run(sheet)
    weigh.cut(sheet)
    weigh.table(sheet)
    weigh.recommend(sheet, {"mb": 5})

The worksheet `notebooks/8_capstone/your_network.ipynb` goes through it cell by cell; `course.py weigh FILE` does all of
it at once. Each step works on a copy, ends after about a minute, and answers with a sentence where it cannot go on.
"""

from weigh.forms import Row, Way
from weigh.result import figure, recommend, table
from weigh.sheet import Sheet, bytes_of, layers_of, look
from weigh.shipped import ship
from weigh.ways import blame, cut, cut_then_int8, routes, run
from weigh.weighing import weigh

__all__ = ["Row", "Sheet", "Way", "blame", "bytes_of", "cut", "cut_then_int8", "figure", "layers_of", "look"]
__all__ += ["recommend", "routes", "run", "ship", "table", "weigh"]
