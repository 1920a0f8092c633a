"""A command of a core and the part of a product that it is about."""

from dataclasses import dataclass, replace

from sim.workloads.window import Walk, Window

__all__ = ["Job", "Prepared"]


@dataclass(frozen=True)
class Job:
    """A command: its fields, and the rows, columns and part of the reduction it is about.

    One whose A is a feature map is about some ``positions`` of that.
    """

    fields: dict[str, int]
    rows: slice
    inner: slice
    columns: slice
    positions: slice | None = None

    @property
    def stores(self) -> bool:
        """Whether a part of C comes back."""
        return bool(self.fields["store"])

    @property
    def shape(self) -> tuple[int, int]:
        """Of its part of C."""
        return self.fields["rows"], self.fields["columns"]

    @property
    def lines_of_a(self) -> tuple[slice, slice]:
        """Lines that A's stream brings, and the part of each: rows of A, or positions of its map with all channels."""
        return (self.rows, self.inner) if self.positions is None else (self.positions, slice(0, self.fields["channels"]))

    def over(self, window: Window) -> "Job":
        """It with the part of the map that it takes.

        Raises
        ------
        ValueError
            for a command that does not walk this window at its place.
        """
        walk, (height, width) = Walk.of(self.fields), window.out
        if walk is not None and self.rows.start % width == 0:
            sample, row = divmod(self.rows.start // width, height)
            samples = walk.positions // max(1, walk.map_rows * walk.map_columns)
            band = window.band(sample, samples, row, walk.out_rows)
            whole = self.fields["rows"] == samples * walk.out_rows * width and (samples == 1 or walk.out_rows == height)
            if whole and sample + samples <= window.samples and row + walk.out_rows <= height and window.walk(band) == walk:
                return replace(self, positions=window.positions(band))
        raise ValueError(f"the command for row {self.rows.start} must walk the map of its layer, not {walk or 'a matrix'}")


@dataclass(frozen=True)
class Prepared:
    """A product of a compiled program.

    Attributes
    ----------
    sizes
        M, K, N.
    jobs
        its commands, instead of those of the plan.
    b
        B in packed blocks, where the program has it.
    """

    sizes: tuple[int, int, int]
    jobs: tuple[Job, ...]
    b: bytes | None = None

    @property
    def walks(self) -> bool:
        """Whether its A is a feature map."""
        return bool(self.jobs) and Walk.of(self.jobs[0].fields) is not None

    def over(self, window: Window) -> "Prepared":
        """It with the part of the map that each command takes.

        Raises
        ------
        ValueError
            for commands that do not walk this window.
        """
        return replace(self, jobs=tuple(job.over(window) for job in self.jobs))
