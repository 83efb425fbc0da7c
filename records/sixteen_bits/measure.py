"""Time a product, an addition and training steps in 16 bits against fp32: lesson `amp`."""

from course_utils.files import slug
from course_utils.runtime import best_device
from course_utils.tables import Table
from lessons.amp import sixteen_bits
from records import writing


def main(arguments):
    """Measure, print the table, and write the record of this chip."""
    name = sixteen_bits.called(sixteen_bits.described(best_device()))
    path = sixteen_bits.FOLDER / f"{slug(name)}.json"
    args = writing.options("sixteen_bits", __doc__, path).parse_args(arguments)
    record = sixteen_bits.recorded()
    rows = [
        [what, variant, f"{median:.2f}", f"{low:.2f} to {high:.2f}"]
        for what, of_kind in record["times_faster"].items()
        for variant, (low, median, high) in of_kind.items()
    ]
    print(Table(["", "variant", "times faster", "quartiles"], rows, caption=f"{name}, one thread"))
    writing.write(args.to, record)
