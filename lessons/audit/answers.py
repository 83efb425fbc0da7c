"""The exercise of the lesson audit: odd but right answers, and wrong ones as patches of the solution."""

from course_utils.measure.int8_audit import audit


def by_a_table(model, x):
    """One dictionary from the two facts to the text."""
    texts = {True: "stores int8, computes float", False: "float"}
    return {
        row.name: {"int8": "int8", "unknown": "unknown"}.get(row.runs_in, texts[row.weight_bits == 8])
        for row in audit(model, x).rows
        if row.weight_bits
    }


def float_first(model, x):
    """Asks whether it computed in a float type, and then for the bits."""
    found = {}
    for row in reversed(audit(model, x).rows):
        if row.weight_bits in (8, 16, 32, 64):
            found[row.name] = row.runs_in
            if row.runs_in.startswith(("float", "bfloat")):
                found[row.name] = "stores int8, computes float" if row.weight_bits < 16 else "float"
    return found


def two_audits(model, x):
    """Reads what is stored without a run, and what was computed with one."""
    stored = {row.name: row.weight_bits for row in audit(model).rows if row.weight_bits}
    ran = {row.name: row.runs_in for row in audit(model, x).rows}
    found = {}
    for name, bits in stored.items():
        found[name] = ran[name]
        if "float" in ran[name]:
            found[name] = "float" if bits != 8 else "stores int8, computes float"
    return found


ODD = {"verdicts": [by_a_table, float_first, two_audits]}
WRONG = {
    "verdicts": {
        "the model is only read": ("audit(model, x)", "audit(model)"),
        "what is stored decides": ('if row.runs_in in ("int8", "unknown"):', 'if row.runs_in == "unknown":'),
        "rows without weights stay": ("if row.weight_bits is None:", "if False:"),
        "what did not run is float": ('in ("int8", "unknown")', '== "int8"'),
        "all that has few bits stores int8": ("row.weight_bits == 8", "row.weight_bits < 32"),
        "only linear layers": ("if row.weight_bits is None:", 'if "Linear" not in row.kind:'),
    }
}
EQUIVALENT = {"verdicts": {"layers doubled": "twice the rows give the same dictionary"}}
