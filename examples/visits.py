"""Is a patient ill? A task from a table with uneven times, gaps and unequal lengths."""

import jax.numpy as jnp
import numpy as np
import pandas as pd

import nnarena


TABLE = nnarena.LocalFolder(
    "visits", {"visits.csv": None}, "patient,day,pulse,temp,ill"
)


@nnarena.TASKS.register("visits", family="irregular time", source="a hospital's table")
class Visits(nnarena.AbstractTask):
    """Pulse 61 on day 0, no pulse on day 9, ... -> ill. Chance 0.5: half are."""

    signature = nnarena.Signature(nnarena.Features(4), nnarena.Classes(2))
    scoring = nnarena.accuracy(chance=0.5)

    def splits(self, data, *, key):
        table = pd.read_csv(data.folder(TABLE)[0])
        known = table[table.patient < table.patient.quantile(0.6)]  # to train on
        values = ["pulse", "temp"]
        read = (table[values] - known[values].mean()) / known[values].std()
        gap = table.groupby("patient").day.diff()
        gap = (gap / gap[known.index].mean()).fillna(1.0)
        steps = np.column_stack([read.fillna(0.0), read.notna(), gap, table.ill])
        visits = [steps[rows] for rows in table.groupby("patient").indices.values()]
        rows = np.zeros((len(visits), max(map(len, visits)), 6), np.float32)
        for row, own in zip(rows, visits, strict=True):
            row[: len(own)] = own
        first, second = int(0.6 * len(rows)), int(0.8 * len(rows))
        return nnarena.Splits(rows[:first], rows[first:second], rows[second:])

    def example(self, row):
        question = nnarena.Sequence(row[:, :4], row[:, 4], present=row[:, 4] > 0)
        return nnarena.Example(question, row[0, 5].astype(jnp.int32))
